"""Translates OpenVINO's names of element types into NumPy's, and gives the width of their elements."""

from optfarm_tasks.formats.raw import Malformed

_NAMES = {
    "f16": "float16",
    "f32": "float32",
    "f64": "float64",
    "bf16": "bfloat16",
    "boolean": "bool",
    "f4e2m1": "float4_e2m1",
    "f8e4m3": "float8_e4m3fn",
    "f8e5m2": "float8_e5m2",
    "f8e8m0": "float8_e8m0",
    "nf4": "nf4",
    "string": "string",
} | {
    f"{kind}{bits}": f"{name}{bits}"
    for kind, name in (("i", "int"), ("u", "uint"))
    for bits in (1, 2, 3, 4, 6, 8, 16, 32, 64)
}
_PORT_NAMES = {"fp16": "f16", "fp32": "f32", "fp64": "f64", "bool": "boolean", "bin": "u1"}
"""Ports spell some types otherwise than layers do."""
_BITS = {"bfloat16": 16, "bool": 8, "nf4": 4}
_LEAST_WHOLE = 8


def dtype_name(element_type: str) -> str:
    """The NumPy name of an element type, or "string".

    Raises:
        Malformed: there is no such type.
    """
    lower = element_type.lower()
    name = _NAMES.get(_PORT_NAMES.get(lower, lower))
    if name is None:
        raise Malformed(f"it is damaged: OpenVINO has no type {element_type!r}")
    return name


def bytes_of(dtype: str, elements: int) -> int | None:
    """How many bytes so many elements take; None where they are packed, or strings."""
    if dtype == "string":
        return None
    bits = _BITS.get(dtype) or int(dtype.partition("_")[0].lstrip("abcdefghijklmnopqrstuvwxyz"))
    return elements * bits // 8 if bits >= _LEAST_WHOLE else None
