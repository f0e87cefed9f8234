"""The loop that times requests."""

from resource import RUSAGE_THREAD, getrusage

import pytest

from optfarm_tasks.benchmark.process import clock
from optfarm_tasks.benchmark.process.clock import Span

ENOUGH = 10**12


def test_feeds_are_rotated() -> None:
    fed: list[str] = []

    clock.time_requests(fed.append, ["a", "b", "c"], Span(0, 7, ENOUGH), room=100)

    assert "".join(fed) == "abcabca"


def test_each_request_has_its_time_cpu_time_and_switches() -> None:
    before = getrusage(RUSAGE_THREAD).ru_nivcsw

    timed = clock.time_requests(lambda _: sum(range(1000)), [None], Span(0, 20, ENOUGH), room=20)

    assert timed.table.shape == (3, 20)
    assert (timed.wall_ns > 0).all()
    assert (timed.cpu_ns > 0).all()
    assert timed.cpu_ns.sum() <= timed.process_cpu_ns
    assert 0 <= timed.switches.sum() <= getrusage(RUSAGE_THREAD).ru_nivcsw - before
    assert timed.elapsed_ns >= timed.wall_ns.sum()


def test_a_span_lasts_for_both_its_minima() -> None:
    timed = clock.time_requests(lambda _: None, [None], Span(2_000_000, 10, ENOUGH), room=10_000_000)

    assert timed.elapsed_ns >= 2_000_000
    assert timed.wall_ns.size >= 10


def test_a_span_never_passes_its_maximum_by_more_than_a_request() -> None:
    timed = clock.time_requests(lambda _: None, [None], Span(ENOUGH, 10**9, 1), room=100)

    assert timed.wall_ns.size == 1


def test_room_ends_a_span() -> None:
    assert clock.time_requests(lambda _: None, [None], Span(ENOUGH, 1, ENOUGH), room=5).wall_ns.size == 5


@pytest.mark.parametrize(
    ("request_ns", "expected"), [(49_999, 2), (50_000, 1), (10_000_000, 1), (5_000, 10), (0, 50_000)]
)
def test_only_very_short_requests_are_grouped(request_ns: float, expected: int) -> None:
    assert clock.group_size(request_ns) == expected


def test_room_is_twice_what_is_expected() -> None:
    assert clock.capacity(Span(1_000_000, 10, ENOUGH), 10_000) == 10 + 200 + 1
    assert clock.capacity(Span(1_000_000, 10, ENOUGH), 0) == 10 + 2000 + 1
