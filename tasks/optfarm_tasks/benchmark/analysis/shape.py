"""Detects bimodal latencies and memory leaks, which a median does not show."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FEWEST = 20
_TRIMMED = (0.01, 0.99)
_SHARE = 0.1
"""The rarer of two speeds takes at least this part of the requests."""
_APART = 1.10
"""Their medians' ratio, at least."""
_SEPARATION = 4.0
"""Distance of the two means over the spread within: an even spread has 3.5, one long tail about 2.6."""

_GROWN_BYTES = 4 << 20
_GROWN = 0.01
_EACH_HALF = 0.25
"""Part of the growth that falls into either half of a run: what is taken once is no leak."""


def is_bimodal(wall_ns: NDArray[Any]) -> bool:
    """Whether requests (N,) fall into two speeds with next to nothing between them.

    The split is Otsu's (1979), of the logarithms, without the outermost hundredth on either side.
    """
    if wall_ns.size < _FEWEST:
        return False
    logs = np.sort(np.log(np.maximum(wall_ns, 1).astype(np.float64)))
    first, last = (int(share * logs.size) for share in _TRIMMED)
    logs = logs[first : max(last, first + 1)]
    at = _otsu(logs)
    low, high = logs[:at], logs[at:]
    if min(low.size, high.size) < _SHARE * logs.size or np.median(high) - np.median(low) < np.log(_APART):
        return False
    within = np.sqrt((low.var() + high.var()) / 2)
    return bool(high.mean() - low.mean() >= _SEPARATION * within)


def is_leaking(held_bytes: Sequence[int]) -> bool:
    """Whether a process that only repeats the same work keeps taking memory, given its size at equal steps."""
    if len(held_bytes) < 3:  # noqa: PLR2004 (two halves have three ends)
        return False
    start, middle, end = held_bytes[0], held_bytes[len(held_bytes) // 2], held_bytes[-1]
    grown = end - start
    if grown < max(_GROWN_BYTES, _GROWN * start):
        return False
    return min(middle - start, end - middle) >= _EACH_HALF * grown


def _otsu(ordered: NDArray[np.float64]) -> int:
    """How many of the ordered values (N,) are below the split that parts them best, in 1..N-1; 1 of a single one."""
    if ordered.size < 2:  # noqa: PLR2004 (one value cannot be split)
        return 1
    below = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)
    apart = sums[:-1] / below - (sums[-1] - sums[:-1]) / (ordered.size - below)
    return int(np.argmax(below * (ordered.size - below) * apart**2)) + 1
