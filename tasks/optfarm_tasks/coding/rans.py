"""An entropy coder of symbols under fixed frequencies: range asymmetric numeral systems (Duda, arXiv:1311.2540).

Neighbouring symbols go to different lanes, each with a state of its own, so that NumPy codes a row of lanes at once
(interleaved as by Giesen, arXiv:1402.3392). A lane's state lies in [2^16, 2^32) and sheds words of 16 bits.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.formats.raw import Malformed

TOTAL = 1 << 16
"""What the frequencies of an alphabet add up to."""
MOST_SYMBOLS = 4096

_LOW = np.uint64(1 << 16)
_BITS, _MASK = np.uint64(16), np.uint64(0xFFFF)
_MOST_LANES, _SYMBOLS_PER_LANE = 1024, 256

Symbols = NDArray[np.uint16]
Frequencies = NDArray[np.uint32]


def frequencies_of(counts: NDArray[np.integer[Any]]) -> Frequencies:
    """Frequencies ≥ 1 that add up to TOTAL, near the proportions of counts ≥ 1 of at most MOST_SYMBOLS symbols."""
    spare = TOTAL - len(counts)
    found = 1 + counts.astype(np.int64) * spare // int(counts.sum())
    found[np.argmax(found)] += TOTAL - found.sum()
    return found.astype(np.uint32)


def encode(symbols: Symbols, frequencies: Frequencies) -> bytes:
    """The code of symbols, each below len(frequencies)."""
    wide, starts = _tables(frequencies)
    lanes = _lanes(symbols.size)
    states, shed = np.full(lanes, _LOW), []
    for start in reversed(range(0, symbols.size, lanes)):
        row = symbols[start : start + lanes]
        frequency, state = wide[row], states[: row.size]
        is_full = state >= frequency << _BITS
        shed.append((state[is_full] & _MASK).astype("<u2").tobytes())
        state = np.where(is_full, state >> _BITS, state)
        times = state // frequency
        states[: row.size] = (times << _BITS) + (state - times * frequency) + starts[row]
    return states.astype("<u4").tobytes() + b"".join(reversed(shed))


def decode(code: memoryview | bytes, count: int, frequencies: Frequencies) -> Symbols:
    """So many symbols.

    Raises:
        Malformed: the code is not that of so many symbols under these frequencies.
    """
    lanes = _lanes(count)
    if len(code) < 4 * lanes or len(code) % 2:
        raise Malformed(f"a code of {len(code)} bytes is too short for {count} symbols; it is truncated or damaged")
    wide, starts = _tables(frequencies)
    owners = np.repeat(np.arange(len(frequencies), dtype=np.uint16), frequencies)
    states, words = np.frombuffer(code, "<u4", lanes).astype(np.uint64), np.frombuffer(code, "<u2", offset=4 * lanes)
    symbols, taken = np.empty(count, np.uint16), 0
    for start in range(0, count, lanes):
        state = states[: min(lanes, count - start)]
        place = state & _MASK
        row = owners[place]
        state = wide[row] * (state >> _BITS) + place - starts[row]
        is_low = np.flatnonzero(state < _LOW)
        if taken + is_low.size > words.size:
            raise Malformed("a code ends too early; it is truncated or damaged")
        state[is_low] = (state[is_low] << _BITS) | words[taken : taken + is_low.size]
        taken += is_low.size
        symbols[start : start + lanes], states[: state.size] = row, state
    if taken != words.size or np.any(states != _LOW):
        raise Malformed("a code does not end where it should; it is damaged")
    return symbols


def _lanes(count: int) -> int:
    return min(_MOST_LANES, max(1, count // _SYMBOLS_PER_LANE))


def _tables(frequencies: Frequencies) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Frequencies, and where each symbol's range starts."""
    wide = frequencies.astype(np.uint64)
    return wide, np.concatenate([[np.uint64(0)], np.cumsum(wide)[:-1]]).astype(np.uint64)
