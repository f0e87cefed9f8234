"""Times requests one by one, with the thread's CPU time and involuntary context switches of each."""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from resource import RUSAGE_THREAD, getrusage
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

GROUP_BELOW_NS = 50_000
"""A request shorter than this is timed in groups."""

_FASTEST_NS = 1_000
"""No request through Python is faster; limits the room that is reserved for samples."""


@dataclass(frozen=True)
class Span:
    """How long to go on: until both minima are reached, but not past max_ns."""

    min_ns: int
    min_requests: int
    max_ns: int


@dataclass(frozen=True)
class Timed:
    """Samples in the order in which they were taken; int64, one entry a request (or a group, per request)."""

    wall_ns: NDArray[np.int64]
    cpu_ns: NDArray[np.int64]
    switches: NDArray[np.int64]
    elapsed_ns: int
    """From the first request's start to the last one's end, the clocks' own cost included."""
    process_cpu_ns: int
    """CPU time of all threads of the process over the same stretch."""
    device_ns: NDArray[np.int64] | None = None
    """Of an asynchronous device (3, N): until the request was enqueued, its kernels, its copies."""

    @property
    def table(self) -> NDArray[np.int64]:
        """The samples as an array (3, N), or (6, N) with those of a device."""
        host = np.stack([self.wall_ns, self.cpu_ns, self.switches])
        return host if self.device_ns is None else np.concatenate([host, self.device_ns])


def group_size(request_ns: float) -> int:
    """How many requests to time together: 1 for all but the very short ones."""
    return 1 if request_ns >= GROUP_BELOW_NS else int(np.ceil(GROUP_BELOW_NS / max(request_ns, 1.0)))


def capacity(span: Span, request_ns: float) -> int:
    """Room for twice the samples that a span is expected to take."""
    return span.min_requests + int(2 * span.min_ns / max(request_ns, _FASTEST_NS)) + 1


def time_requests(run: Callable[[Any], Any], feeds: Sequence[Any], span: Span, *, room: int) -> Timed:
    """Runs requests, one in flight, rotating the feeds; room limits their number.

    A result is dropped after the clock was read: a latency ends when the output is ready.
    """
    wall, cpu, switches = (array("q", bytes(8 * room)) for _ in range(3))
    process_start = process_time_ns()
    taken, elapsed_ns = _fill(run, feeds, span, columns=(wall, cpu, switches))
    process_cpu_ns = process_time_ns() - process_start
    kept = [np.frombuffer(column, dtype=np.int64)[:taken].copy() for column in (wall, cpu, switches)]
    return Timed(
        wall_ns=kept[0], cpu_ns=kept[1], switches=kept[2], elapsed_ns=elapsed_ns, process_cpu_ns=process_cpu_ns
    )


def _fill(
    run: Callable[[Any], Any], feeds: Sequence[Any], span: Span, *, columns: tuple["array[int]", ...]
) -> tuple[int, int]:
    # Everything in this loop costs the machine what it measures: no calls but the clocks', no allocation.
    wall, cpu, switches = columns
    room, rotation = len(wall), len(feeds)
    min_ns, min_requests, max_ns = span.min_ns, span.min_requests, span.max_ns
    switches_before = getrusage(RUSAGE_THREAD).ru_nivcsw
    opened = perf_counter_ns()
    for index in range(room):
        feed = feeds[index % rotation]
        cpu_start = thread_time_ns()
        start = perf_counter_ns()
        output = run(feed)
        end = perf_counter_ns()
        cpu[index] = thread_time_ns() - cpu_start
        output = None  # noqa: F841 (frees the output outside the timed stretch)
        wall[index] = end - start
        switches_after = getrusage(RUSAGE_THREAD).ru_nivcsw
        switches[index] = switches_after - switches_before
        switches_before = switches_after
        elapsed = end - opened
        if elapsed >= max_ns or (elapsed >= min_ns and index + 1 >= min_requests):
            break
    return index + 1, elapsed
