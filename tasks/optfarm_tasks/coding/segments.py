"""Cuts the bytes of a file into segments, and codes each in the way that makes it smallest.

A segment is packed by zlib, or its words of 4 bytes or its bytes are symbols under frequencies of their own. Clustered
float32 weights have few different words, quantised ones few different bytes. Cuts are found by the bytes alone, so any
format's weights are coded, and every byte comes back.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.coding import rans
from optfarm_tasks.formats.raw import Malformed, cut

Kind = Literal["zlib", "words", "bytes"]

PIECE_BYTES, MOST_BYTES = 1 << 16, 1 << 24
_LEVEL = 9
_WIDTHS: dict[Kind, int] = {"words": 4, "bytes": 1}
_OVERHEAD_BITS = 8 * 300
"""What a segment costs beside its code: its entry in the header, the ends of its lanes."""

_Values = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class SegmentPlan:
    """Part of a file and how it is to be coded."""

    kind: Kind
    start: int
    end: int
    bits: float
    """What that is expected to take."""
    values: _Values | None = None
    """The alphabet, ascending, where there is one."""
    counts: NDArray[np.int64] | None = None

    def joined(self, other: "SegmentPlan") -> "SegmentPlan | None":
        """Both as one segment, if that is worth it; the other begins where this one ends."""
        if self.kind != other.kind or other.end - self.start > MOST_BYTES:
            return None
        if self.values is None or other.values is None or self.counts is None or other.counts is None:
            return SegmentPlan(self.kind, self.start, other.end, self.bits + other.bits - _OVERHEAD_BITS)
        values, places = np.unique(np.concatenate([self.values, other.values]), return_inverse=True)
        counts = np.bincount(places, np.concatenate([self.counts, other.counts])).astype(np.int64)
        if values.size > rans.MOST_SYMBOLS:
            return None
        both = SegmentPlan(self.kind, self.start, other.end, _bits(values, counts), values, counts)
        return both if both.bits <= self.bits + other.bits else None


def plans(data: memoryview) -> Iterator[SegmentPlan]:
    """How the bytes of a file are cut and coded; the plans cover them in order."""
    held: SegmentPlan | None = None
    for plan in _pieces(data):
        joined = held.joined(plan) if held is not None else None
        if held is not None and joined is None:
            yield held
        held = joined or plan
    if held is not None:
        yield held


def encode(data: memoryview, plan: SegmentPlan) -> bytes:
    """The code of a segment of a file's bytes."""
    part = data[plan.start : plan.end]
    if plan.values is None or plan.counts is None:
        return zlib.compress(part, _LEVEL)
    frequencies = rans.frequencies_of(plan.counts)
    alphabet: bytes = np.uint16(plan.values.size - 1).astype("<u2").tobytes() + plan.values.tobytes()
    symbols = np.concatenate([np.searchsorted(plan.values, each).astype(np.uint16) for each in _runs(part, plan.kind)])
    scale: bytes = (frequencies - 1).astype("<u2").tobytes()
    return alphabet + scale + rans.encode(symbols, frequencies)


def decode(code: memoryview, kind: Kind, size_bytes: int) -> bytes:
    """The bytes of a segment.

    Raises:
        Malformed: the code is not that of so many bytes.
    """
    if kind == "zlib":
        return _unpacked(code, size_bytes)
    width = _WIDTHS[kind]
    if size_bytes % width or len(code) < 2:  # noqa: PLR2004 (the bytes of the first number)
        raise Malformed(f"a segment of {size_bytes} bytes in words of {width} is damaged")
    count = int(np.frombuffer(code, "<u2", 1)[0]) + 1
    values = np.frombuffer(cut(code, 2, width * count, what="an alphabet"), f"<u{width}")
    after = 2 + width * count
    frequencies = np.frombuffer(cut(code, after, 2 * count, what="frequencies"), "<u2").astype(np.uint32) + 1
    if int(frequencies.sum()) != rans.TOTAL:
        raise Malformed(f"the frequencies of an alphabet add up to {frequencies.sum()}, not {rans.TOTAL}")
    symbols = rans.decode(code[after + 2 * count :], size_bytes // width, frequencies)
    return values[symbols].tobytes()


def _unpacked(code: memoryview, size_bytes: int) -> bytes:
    unpacker = zlib.decompressobj()
    try:
        data = unpacker.decompress(code, size_bytes + 1)
    except zlib.error as error:
        raise Malformed(f"a packed segment is damaged ({error})") from error
    if len(data) != size_bytes or not unpacker.eof:
        raise Malformed(f"a packed segment gives {len(data)} bytes, not {size_bytes}; it is damaged")
    return data


def _pieces(data: memoryview) -> Iterator[SegmentPlan]:
    """Pieces of a file with the best way to code each; words begin where most of them repeat."""
    phase = _phase(data)
    if phase:
        yield _packed(data, 0, phase)
    for start in range(phase, len(data), PIECE_BYTES):
        yield _best(data, start, min(start + PIECE_BYTES, len(data)))


def _best(data: memoryview, start: int, end: int) -> SegmentPlan:
    ways = [_packed(data, start, end), _coded(data, start, end, kind="bytes")]
    if (end - start) % _WIDTHS["words"] == 0:
        ways.append(_coded(data, start, end, kind="words"))
    return min((way for way in ways if way is not None), key=lambda way: way.bits)


def _packed(data: memoryview, start: int, end: int) -> SegmentPlan:
    return SegmentPlan("zlib", start, end, 8 * len(zlib.compress(data[start:end])) + _OVERHEAD_BITS)


def _coded(data: memoryview, start: int, end: int, *, kind: Kind) -> SegmentPlan | None:
    values, counts = np.unique(_elements(data[start:end], kind), return_counts=True)
    if values.size > rans.MOST_SYMBOLS:
        return None
    return SegmentPlan(kind, start, end, _bits(values, counts), values, counts)


def _bits(values: _Values, counts: NDArray[np.int64]) -> float:
    shares = counts / counts.sum()
    return float(-(counts * np.log2(shares)).sum()) + 8 * (values.itemsize + 2) * values.size + _OVERHEAD_BITS


def _phase(data: memoryview) -> int:
    """Where the first word begins: of the four ways to cut a file into words, the one with the fewest different."""
    if len(data) < 2 * PIECE_BYTES:
        return 0
    starts = range(0, len(data) - 2 * PIECE_BYTES + 1, PIECE_BYTES)
    variety = [
        sum(np.unique(_elements(data[start + phase :][: PIECE_BYTES // 4], "words")).size for start in starts)
        for phase in range(_WIDTHS["words"])
    ]
    return int(np.argmin(variety))


def _elements(part: memoryview, kind: Kind) -> _Values:
    return np.frombuffer(part, f"<u{_WIDTHS[kind]}")


def _runs(part: memoryview, kind: Kind) -> Iterator[_Values]:
    elements = _elements(part, kind)
    return (elements[start : start + (1 << 20)] for start in range(0, elements.size, 1 << 20))
