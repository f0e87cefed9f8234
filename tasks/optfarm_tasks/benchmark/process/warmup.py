"""Warms a variant up: runs requests until their latency is steady, or the time is used up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.process.clock import Span, Timed

MIN_NS = 1_000_000_000
MIN_REQUESTS = 20
WINDOW_NS = 200_000_000
WINDOW_REQUESTS = 10
AGREEING_WINDOWS = 3
AGREEMENT = 1.03
"""Largest over smallest median of the windows that agree."""


@dataclass(frozen=True)
class WarmUp:
    """The requests of a warm-up."""

    wall_ns: NDArray[np.int64]
    steady: bool
    request_ns: float
    """Median of the last windows."""


def is_steady(windows: Sequence[Timed]) -> bool:
    """Whether enough was run and the last three windows agree on the median within 3%."""
    if sum(window.wall_ns.size for window in windows) < MIN_REQUESTS or _total_ns(windows) < MIN_NS:
        return False
    last = windows[-AGREEING_WINDOWS:]
    if len(last) < AGREEING_WINDOWS or any(not _is_whole(window) for window in last):
        return False
    medians = [float(np.median(window.wall_ns)) for window in last]
    return max(medians) <= AGREEMENT * min(medians)


def warm_up(take: Callable[[Span, float], Timed], *, max_ns: int) -> WarmUp:
    """Takes windows until the speed is steady or max_ns is used up; one request at least.

    Args:
        take: times one window, given its span and the expected ns of a request.
        max_ns: when it is given up.
    """
    windows: list[Timed] = []
    expected_ns = 1.0
    while not is_steady(windows) and (left_ns := max_ns - _total_ns(windows)) > 0:
        windows.append(take(Span(WINDOW_NS, WINDOW_REQUESTS, left_ns), expected_ns))
        expected_ns = float(np.median(windows[-1].wall_ns))
    recent = np.concatenate([window.wall_ns for window in windows[-AGREEING_WINDOWS:]])
    every = np.concatenate([window.wall_ns for window in windows])
    return WarmUp(every, steady=is_steady(windows), request_ns=float(np.median(recent)))


def _is_whole(window: Timed) -> bool:
    return window.wall_ns.size >= WINDOW_REQUESTS and window.elapsed_ns >= WINDOW_NS


def _total_ns(windows: Sequence[Timed]) -> int:
    return sum(window.elapsed_ns for window in windows)
