"""Reads protocol buffers by their wire format alone: no schema, no generated code, every length checked."""

from collections.abc import Iterator

from optfarm_tasks.formats.raw import Malformed, cut

Value = int | memoryview
"""A number, or the bytes of a string, a message or a packed list."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MOST_BITS = 64


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at a place, and the place after it.

    Raises:
        Malformed: the bytes end within it, or it has more than 64 bits.
    """
    number = 0
    for shift in range(0, _MOST_BITS + 6, 7):
        if at >= len(data):
            raise Malformed(f"it is truncated or damaged: a number ends past byte {len(data)}")
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 (the top bit says that more follows)
            return number, at
    raise Malformed("it is damaged: a number has more than 64 bits")


def fields(data: memoryview) -> Iterator[tuple[int, Value]]:
    """Field number and value of each field of a message, in the order of the bytes.

    Raises:
        Malformed: a field passes the end of the message, or is of no known kind.
    """
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise Malformed("it is damaged: a field has the number 0")
        value, at = _value(data, at, kind=kind)
        yield number, value


def messages(data: memoryview, number: int) -> Iterator[memoryview]:
    """The bytes of each field of one number.

    Raises:
        Malformed: as `fields`, or the field holds a number.
    """
    for found, value in fields(data):
        if found == number:
            yield as_bytes(value)


def first(data: memoryview, number: int) -> memoryview:
    """The bytes of a message's field, or none at all if it is absent: protocol buffers leave defaults out."""
    return next(messages(data, number), data[:0])


def integer(data: memoryview, number: int, default: int = 0) -> int:
    """The last value of a number's field, as the format wants it."""
    found = default
    for each, value in fields(data):
        if each == number:
            found = as_int(value)
    return found


def as_bytes(value: Value) -> memoryview:
    """The value, which must be bytes."""
    if isinstance(value, int):
        raise Malformed("it is damaged: a number stands where a message belongs")
    return value


def as_int(value: Value) -> int:
    """The value, which must be a number."""
    if not isinstance(value, int):
        raise Malformed("it is damaged: bytes stand where a number belongs")
    return value


def numbers(value: Value) -> Iterator[int]:
    """The numbers that a field of repeated numbers holds: one, or several that are packed."""
    if isinstance(value, int):
        yield value
        return
    at = 0
    while at < len(value):
        number, at = varint(value, at)
        yield number


def signed(value: int) -> int:
    """A 64-bit number as two's complement: int32 and int64 fields are stored so."""
    return value - (1 << 64) if value >= 1 << 63 else value


def _value(data: memoryview, at: int, *, kind: int) -> tuple[Value, int]:
    if kind == _VARINT:
        return varint(data, at)
    if kind == _BYTES:
        size, at = varint(data, at)
        return cut(data, at, size, what="a field"), at + size
    if kind in (_FIXED32, _FIXED64):
        size = 4 if kind == _FIXED32 else 8
        return int.from_bytes(cut(data, at, size, what="a field"), "little"), at + size
    raise Malformed(f"it is damaged: there is no wire type {kind}")
