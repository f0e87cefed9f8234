"""Draws a schedule of arriving queries, answers them one after the other, and times each from its arrival on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from resource import RUSAGE_THREAD, getrusage
from time import perf_counter_ns, sleep, thread_time_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPIN_NS = 200_000
"""A sleep may last longer than asked for by about this much; the rest of a wait is spun."""


@dataclass(frozen=True)
class Time:
    """The clock of the queries, and how it is waited for."""

    now_ns: Callable[[], int] = perf_counter_ns
    sleep_s: Callable[[float], None] = sleep


def arrivals_ns(count: int, rate_per_s: float, *, seed: int) -> NDArray[np.int64]:
    """Nanoseconds from the start to each arrival (count,), in order; the gaps are exponential with mean 1/rate.

    Equal seeds draw the same gaps but for the rate: at twice the rate each query comes after half the time. So a query
    waits no shorter at a higher rate, and rates can be compared by the same queries.
    """
    gaps = np.random.default_rng(seed).standard_exponential(count)
    return np.rint(np.cumsum(gaps) * (1e9 / rate_per_s)).astype(np.int64)


def serve(
    run: Callable[[Any], Any],
    feeds: Sequence[Any],
    arrivals_ns: NDArray[np.int64],
    *,
    latency_limit_ns: int,
    allowed_late: int,
    time: Time | None = None,
) -> NDArray[np.int64]:
    """Answers queries in the order of their arrival, until all are answered or too many were late; blocks.

    A query that arrives while another is answered waits, and its latency counts from its arrival in the schedule: what
    a slow answer does to the queries behind it is seen (no coordinated omission).

    Args:
        run: answers one query.
        feeds: what is fed in rotation.
        arrivals_ns: from the start to each arrival (N,), in order.
        latency_limit_ns: an answer later than this after the arrival is late.
        allowed_late: with one more late answer than these the rate has failed.
        time: the clock; the machine's own when left out.

    Returns:
        Arrival, start, end (ns from the start), CPU time, involuntary switches (5, M).
    """
    time = time or Time()
    rows = []
    late = 0
    opened = time.now_ns()
    for index, arrival in enumerate(arrivals_ns.tolist()):
        feed = feeds[index % len(feeds)]
        _wait_until(opened + arrival, time)
        switches_before = getrusage(RUSAGE_THREAD).ru_nivcsw
        cpu_start = thread_time_ns()
        start = time.now_ns()
        output = run(feed)
        end = time.now_ns()
        cpu = thread_time_ns() - cpu_start
        output = None  # noqa: F841 (frees the output outside the timed stretch)
        switches = getrusage(RUSAGE_THREAD).ru_nivcsw - switches_before
        rows.append((arrival, start - opened, end - opened, cpu, switches))
        late += end - opened - arrival > latency_limit_ns
        if late > allowed_late:
            break
    return np.array(rows, dtype=np.int64).reshape(-1, 5).T


def _wait_until(due_ns: int, time: Time) -> None:
    left_ns = due_ns - time.now_ns()
    if left_ns > _SPIN_NS:
        time.sleep_s((left_ns - _SPIN_NS) / 1e9)
    while time.now_ns() < due_ns:
        pass
