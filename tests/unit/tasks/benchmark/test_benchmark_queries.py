"""Queries are timed from their scheduled arrival on, by a clock that a test turns."""

from collections.abc import Callable

import numpy as np
import pytest

from optfarm_tasks.benchmark.process.queries import Time, serve

MS = 1_000_000


class Turned:
    """A clock that moves by sleeping, by answering, and by a microsecond at each look."""

    def __init__(self) -> None:
        self.at_ns = 5 * MS

    def now_ns(self) -> int:
        self.at_ns += 1000
        return self.at_ns

    def sleep_s(self, wait_s: float) -> None:
        self.at_ns += round(wait_s * 1e9)

    def answering(self, *services_ns: int) -> Callable[[int], None]:
        """Answers that take so long, one after the other."""
        left = list(services_ns)

        def run(_: int) -> None:
            self.at_ns += left.pop(0)

        return run


def served(services_ns: list[int], arrivals: list[int], *, latency_limit_ns: int, allowed_late: int = 99) -> np.ndarray:
    clock = Turned()
    time = Time(now_ns=clock.now_ns, sleep_s=clock.sleep_s)
    run = clock.answering(*services_ns)
    return serve(
        run, [0, 1], np.array(arrivals), latency_limit_ns=latency_limit_ns, allowed_late=allowed_late, time=time
    )


def test_a_stall_is_seen_in_every_query_that_arrived_meanwhile() -> None:
    arrival, start, end, _, _ = served([100 * MS, MS, MS, MS], [0, 10 * MS, 20 * MS, 200 * MS], latency_limit_ns=MS)

    assert end - arrival == pytest.approx([100 * MS, 91 * MS, 82 * MS, MS], abs=MS / 10)
    assert (end - start)[1:] == pytest.approx([MS, MS, MS], abs=MS / 10)


def test_no_answer_begins_before_its_query_arrives() -> None:
    arrival, start, end, _, _ = served([MS] * 3, [5 * MS, 5 * MS, 30 * MS], latency_limit_ns=MS)

    assert (start >= arrival).all()
    assert (start[1:] >= end[:-1]).all()


def test_a_trial_ends_with_the_query_that_fails_it() -> None:
    table = served([3 * MS] * 5, [0, MS, 2 * MS, 3 * MS, 4 * MS], latency_limit_ns=4 * MS, allowed_late=1)

    assert table.shape == (5, 3)
    assert ((table[2] - table[0]) > 4 * MS).sum() == 2
