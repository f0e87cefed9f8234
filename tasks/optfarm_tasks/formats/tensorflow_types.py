"""Translates TensorFlow's numbers of types into NumPy's names, and its shape message into a tuple."""

from optfarm_tasks.description import Shape
from optfarm_tasks.formats.raw import Malformed
from optfarm_tasks.formats.wire import as_bytes, as_int, fields, integer, signed

_TYPE_NAMES = """
float32 float64 int32 uint8 int16 int8 string complex64 int64 bool qint8 quint8 qint32 bfloat16 qint16 quint16 uint16
complex128 float16 resource variant uint32 uint64 float8_e5m2 float8_e4m3fn
"""
_NAMES = dict(enumerate(_TYPE_NAMES.split(), start=1)) | {29: "int4", 30: "uint4"}
"""In the order of DataType in types.proto, which leaves some numbers to types of no model."""
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
