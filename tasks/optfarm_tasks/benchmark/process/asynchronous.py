"""Times requests on a device that works beside the host, by three clocks: enqueue, compute and end to end.

The host's clock is read once the last event of a request is over. That it is over is asked of the device itself: a
runtime that hands its outputs over too early would look fast.
"""

from array import array
from collections.abc import Callable, Sequence
from resource import RUSAGE_THREAD, getrusage
from time import perf_counter_ns, process_time_ns, thread_time_ns
from typing import Any

import numpy as np

from optfarm_tasks.benchmark.process.clock import Span, Timed
from optfarm_tasks.errors import Internal
from optfarm_tasks.runtime import PendingRequest

_COLUMNS = 6
"""Wall time, CPU time, switches; time until enqueued, of kernels, of copies."""


def time_asynchronous(
    enqueue: Callable[[Any], PendingRequest], feeds: Sequence[Any], span: Span, *, room: int
) -> Timed:
    """Runs requests, one in flight, rotating the feeds; room limits their number.

    As `clock.time_requests`, in a loop of its own: what the two would share would be called between two readings.

    Raises:
        Internal: the runtime gave a result before its device was done.
    """
    columns = tuple(array("q", bytes(8 * room)) for _ in range(_COLUMNS))
    process_start = process_time_ns()
    taken, elapsed_ns = _fill(enqueue, feeds, span, columns=columns)
    process_cpu_ns = process_time_ns() - process_start
    kept = [np.frombuffer(column, dtype=np.int64)[:taken].copy() for column in columns]
    return Timed(
        wall_ns=kept[0],
        cpu_ns=kept[1],
        switches=kept[2],
        elapsed_ns=elapsed_ns,
        process_cpu_ns=process_cpu_ns,
        device_ns=np.stack(kept[3:]),
    )


def _fill(
    enqueue: Callable[[Any], PendingRequest], feeds: Sequence[Any], span: Span, *, columns: tuple["array[int]", ...]
) -> tuple[int, int]:
    wall, cpu, switches, enqueued, computed, copied = columns
    room, rotation = len(wall), len(feeds)
    min_ns, min_requests, max_ns = span.min_ns, span.min_requests, span.max_ns
    switches_before = getrusage(RUSAGE_THREAD).ru_nivcsw
    opened = perf_counter_ns()
    for index in range(room):
        feed = feeds[index % rotation]
        cpu_start = thread_time_ns()
        start = perf_counter_ns()
        request = enqueue(feed)
        handed_over = perf_counter_ns()
        output = request.result()
        end = perf_counter_ns()
        if not request.is_over():
            raise Internal("the runtime gave a result before its device was done: its last event is not waited for")
        cpu[index] = thread_time_ns() - cpu_start
        wall[index], enqueued[index] = end - start, handed_over - start
        device = request.device_time()
        computed[index], copied[index] = device.compute_ns, device.copies_ns
        output = request = None  # type: ignore[assignment]  # noqa: F841 (frees both outside the timed stretch)
        switches_after = getrusage(RUSAGE_THREAD).ru_nivcsw
        switches[index] = switches_after - switches_before
        switches_before = switches_after
        elapsed = perf_counter_ns() - opened
        if elapsed >= max_ns or (elapsed >= min_ns and index + 1 >= min_requests):
            break
    return index + 1, elapsed
