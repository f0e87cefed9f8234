"""Translates ONNX's numbers of element types into NumPy's names, and gives the width of their elements."""

from optfarm_tasks.formats.raw import Malformed

STRING = "string"

_TYPE_NAMES = """
float32 uint8 int8 uint16 int16 int32 int64 string bool float16 float64 uint32 uint64 complex64 complex128 bfloat16
float8_e4m3fn float8_e4m3fnuz float8_e5m2 float8_e5m2fnuz uint4 int4 float4_e2m1 float8_e8m0 uint2 int2
"""
_NAMES = dict(enumerate(_TYPE_NAMES.split(), start=1))
"""In the order of TensorProto.DataType."""

_BITS = {"bool": 8, "complex64": 64, "complex128": 128, "bfloat16": 16}


def dtype_name(number: int) -> str:
    """The NumPy name of a TensorProto.DataType, or "string".

    Raises:
        Malformed: there is no such type.
    """
    if number not in _NAMES:
        raise Malformed(f"it is damaged: ONNX has no type {number}")
    return _NAMES[number]


def bytes_of(dtype: str, elements: int) -> int:
    """How many bytes so many elements take; those of fewer than 8 bits lie packed, and strings have no width."""
    bits = _BITS.get(dtype) or int(dtype.partition("_")[0].lstrip("abcdefghijklmnopqrstuvwxyz"))
    return -(-elements * bits // 8)
