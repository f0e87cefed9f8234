"""Reads tables of a FlatBuffer with every offset checked; the usual generated code trusts its input.

Layout: https://flatbuffers.dev/internals. A slot is a field's place in its schema, from 0.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from optfarm_tasks.formats.raw import Malformed, cut, text

_MOST_TABLES = 1 << 20
"""More tables in one vector than any model has; a damaged count would keep a reader busy for hours."""


@dataclass(frozen=True)
class Vector:
    """Where the elements of a vector lie; they are known to lie within the file."""

    data: memoryview
    start: int
    count: int

    def numbers(self, code: str) -> tuple[int | float, ...]:
        """The elements, read by a struct code: i for int32, q for int64, f for float32."""
        return struct.unpack_from(f"<{self.count}{code}", self.data, self.start)


class Table:
    """A table within a file's bytes."""

    def __init__(self, data: memoryview, at: int) -> None:
        """Checks that the table and its list of fields lie within the bytes.

        Raises:
            Malformed: they do not.
        """
        self._data, self._at = data, at
        self._fields = at - _number(data, at, code="i")
        self._fields_bytes = _number(data, self._fields, code="H")
        cut(data, self._fields, self._fields_bytes, what="a table's fields")
        self._bytes = _number(data, self._fields + 2, code="H")
        cut(data, at, self._bytes, what="a table")

    @staticmethod
    def root(data: memoryview) -> "Table":
        """The table that holds all others."""
        return Table(data, _number(data, 0, code="I"))

    def number(self, slot: int, code: str, default: int = 0) -> int:
        """A number, read by a struct code: b, B, h, i, I or Q."""
        place = self._place(slot, struct.calcsize(code))
        return default if place is None else _number(self._data, place, code=code)

    def table(self, slot: int) -> "Table | None":
        """The table that a field points to, or None if it is absent."""
        place = self._place(slot, 4)
        return None if place is None else Table(self._data, self._target(place))

    def vector(self, slot: int, width: int) -> Vector:
        """A vector of elements of `width` bytes; an absent one is empty."""
        place = self._place(slot, 4)
        if place is None:
            return Vector(self._data, 0, 0)
        target = self._target(place)
        count = _number(self._data, target, code="I")
        cut(self._data, target + 4, count * width, what="a list")
        return Vector(self._data, target + 4, count)

    def tables(self, slot: int) -> Iterator["Table"]:
        """The tables that a field lists."""
        places = self.vector(slot, 4)
        if places.count > _MOST_TABLES:
            raise Malformed(f"it is damaged: it lists {places.count} tables where a model has thousands")
        for place in range(places.start, places.start + 4 * places.count, 4):
            yield Table(self._data, self._target(place))

    def text(self, slot: int) -> str:
        """A string; an absent one is empty."""
        found = self.vector(slot, 1)
        return text(self._data[found.start : found.start + found.count])

    def _place(self, slot: int, size: int) -> int | None:
        entry = 4 + 2 * slot
        if entry + 2 > self._fields_bytes:
            return None
        offset = _number(self._data, self._fields + entry, code="H")
        if offset == 0:
            return None
        if offset + size > self._bytes:
            raise Malformed("it is damaged: a field lies outside its table")
        return self._at + offset

    def _target(self, place: int) -> int:
        return place + _number(self._data, place, code="I")


def _number(data: memoryview, at: int, *, code: str) -> int:
    part = cut(data, at, struct.calcsize(code), what="a number")
    found: int = struct.unpack(f"<{code}", part)[0]
    return found
