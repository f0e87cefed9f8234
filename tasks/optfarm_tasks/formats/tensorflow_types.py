"""Translates TensorFlow's numbers of types into NumPy's names, and its shape message into a tuple."""

from optfarm_tasks.description import Shape
from optfarm_tasks.formats.raw import Malformed
from optfarm_tasks.formats.wire import as_bytes, as_int, fields, integer, signed

_NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    29: "int4",
    30: "uint4",
}
_REFERENCES = 100
"""A reference to a type has the type's number plus this (TensorFlow 1)."""


def dtype_name(number: int) -> str:
    """The NumPy name of a DataType, or "string".

    Raises:
        Malformed: there is no such type.
    """
    name = _NAMES.get(number - _REFERENCES if number > _REFERENCES else number)
    if name is None:
        raise Malformed(f"it is damaged: TensorFlow has no type {number}")
    return name


def shape_of(message: memoryview) -> Shape | None:
    """A TensorShapeProto; None when the rank is unknown."""
    sizes: list[int | None] = []
    for number, value in fields(message):
        if number == 3 and as_int(value):  # noqa: PLR2004 (unknown_rank)
            return None
        if number == 2:  # noqa: PLR2004 (dim)
            size = signed(integer(as_bytes(value), 1))
            sizes.append(None if size < 0 else size)
    return tuple(sizes)
