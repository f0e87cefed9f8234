"""When a variant counts as warm."""

import numpy as np
import pytest

from optfarm_tasks.benchmark.process.clock import Span, Timed
from optfarm_tasks.benchmark.process.warmup import is_steady, warm_up

MS = 1_000_000
MAX_NS = 30_000 * MS


def window(request_ms: float, *, for_ms: float = 400, requests: int | None = None) -> Timed:
    """What a window of equal requests gives."""
    count = requests or max(1, round(for_ms / request_ms))
    wall_ns = np.full(count, int(request_ms * MS))
    return Timed(
        wall_ns, cpu_ns=wall_ns, switches=np.zeros_like(wall_ns), elapsed_ns=int(wall_ns.sum()), process_cpu_ns=0
    )


class Machine:
    """Takes windows as a resident would, at a speed that may change, on a clock of its own."""

    def __init__(self, *request_ms: float) -> None:
        self.speeds = list(request_ms)
        self.spans: list[Span] = []

    def take(self, span: Span, _expected_ns: float) -> Timed:
        """One window that obeys its span."""
        request_ms = self.speeds[min(len(self.spans), len(self.speeds) - 1)]
        self.spans.append(span)
        count = max(span.min_requests, int(np.ceil(span.min_ns / (request_ms * MS))))
        within = max(1, int(np.ceil(span.max_ns / (request_ms * MS))))
        return window(request_ms, requests=min(count, within))


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([window(1), window(1), window(1)], True),
        ([window(1), window(1.02), window(1.03)], True),
        ([window(1), window(1.02), window(1.04)], False),
        ([window(9), window(1), window(1), window(1)], True),
        ([window(1), window(1), window(1), window(9)], False),
        ([window(1), window(1)], False),
        ([window(1, for_ms=210)] * 4, False),
        ([window(1, for_ms=210)] * 5, True),
        ([window(1, for_ms=190)] * 9, False),
        ([window(50, requests=9)] * 9, False),
        ([window(50, requests=10)] * 3, True),
        ([], False),
    ],
)
def test_three_whole_windows_have_to_agree(windows: list[Timed], *, expected: bool) -> None:
    assert is_steady(windows) is expected


def test_the_first_slow_windows_are_waited_out() -> None:
    machine = Machine(8, 3, 1.5, 1)

    warm = warm_up(machine.take, max_ns=MAX_NS)

    assert warm.steady
    assert warm.request_ns == 1 * MS
    assert len(machine.spans) == 6


def test_a_fast_model_still_runs_for_a_second() -> None:
    warm = warm_up(Machine(0.1).take, max_ns=MAX_NS)

    assert warm.steady
    assert warm.wall_ns.sum() >= 1000 * MS


def test_a_speed_that_never_settles_is_cut_off_and_told() -> None:
    machine = Machine(*([1, 2] * 200))

    warm = warm_up(machine.take, max_ns=MAX_NS)

    assert not warm.steady
    assert MAX_NS <= warm.wall_ns.sum() <= MAX_NS + 200 * MS


def test_a_request_of_two_seconds_does_not_pass_the_cap() -> None:
    machine = Machine(2000)

    warm = warm_up(machine.take, max_ns=MAX_NS)

    assert not warm.steady
    assert warm.wall_ns.sum() == MAX_NS
    assert machine.spans[-1].max_ns == 10_000 * MS
