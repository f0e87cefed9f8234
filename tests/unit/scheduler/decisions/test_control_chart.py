"""When a canary leaves its band, and what ends a quarantine."""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_scheduler.decisions.control_chart import CHART_RULES, Canary, Standing, compute_band, judged, memory_band

STILL = (1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01)
MS = 1e6
DURATIONS = st.lists(st.floats(0.01, 100), min_size=8, max_size=30)


def canaries(durations_ms: Sequence[float], *, memory_ms: float = 5.0) -> list[Canary]:
    return [Canary(float(at), each * MS, memory_ms * MS) for at, each in enumerate(durations_ms)]


def after(durations_ms: Sequence[float]) -> Standing:
    return reduce(judged, canaries(durations_ms), Standing())


def test_too_few_good_canaries_judge_nothing() -> None:
    assert compute_band(canaries(STILL[:7])) is None
    assert after((*STILL[:7], 50.0)).quarantine is None


def test_limits_are_three_sigma_by_the_mean_moving_range() -> None:
    band = compute_band(canaries((1.0, math.e) * 4))

    assert band is not None
    assert math.log(band.centre_ns / MS) == pytest.approx(0.5)
    assert math.log(band.high_ns / MS) == pytest.approx(0.5 + 3 / 1.128)
    assert math.log(band.low_ns / MS) == pytest.approx(0.5 - 3 / 1.128)


def test_a_still_history_leaves_room() -> None:
    compute, memory = compute_band(canaries((2.0,) * 8)), memory_band(canaries((2.0,) * 8))

    assert compute is not None
    assert memory is not None
    assert compute.high_ns == pytest.approx(2.2 * MS)
    assert memory.high_ns == pytest.approx(6.25 * MS)


@given(DURATIONS, st.floats(0.1, 10))
def test_the_band_scales_with_the_device(durations: list[float], factor: float) -> None:
    band = compute_band(canaries(durations))
    scaled = compute_band(canaries([factor * each for each in durations]))

    assert band is not None
    assert scaled is not None
    assert 0 < band.low_ns < band.centre_ns < band.high_ns
    assert (scaled.low_ns, scaled.high_ns) == pytest.approx((factor * band.low_ns, factor * band.high_ns), rel=1e-6)


@given(DURATIONS)
def test_only_canaries_inside_the_band_become_part_of_it(durations: list[float]) -> None:
    standing = Standing()
    for canary in canaries(durations):
        band = compute_band(standing.good)
        is_good = band is None or band.holds(canary.compute_ns)
        before, standing = standing, judged(standing, canary)
        assert (canary in standing.good) == is_good
        assert is_good or standing.good == before.good
        assert is_good or standing.quarantine is not None


def test_a_slow_and_a_fast_canary_quarantine() -> None:
    slow, fast = (after((*STILL, last)).quarantine for last in (1.5, 0.6))

    assert slow is not None
    assert (slow.since, slow.reason) == (8.0, "its compute canary took 1.5 ms, usual are 0.91 to 1.1 ms")
    assert fast is not None


def test_memory_is_judged_by_a_band_of_its_own() -> None:
    usual = after(STILL)

    crowded = judged(usual, Canary(9.0, 1.0 * MS, 7.0 * MS)).quarantine

    assert crowded is not None
    assert crowded.reason == "its memory canary took 7 ms, usual are 4 to 6.25 ms"


def test_a_bad_canary_is_no_part_of_the_band() -> None:
    assert after((*STILL, 1.5, 1.5, 1.5)).good == tuple(canaries(STILL))


def test_three_good_canaries_in_a_row_release() -> None:
    held = after((*STILL, 1.5, 1.0, 1.0, 1.5, 1.0, 1.0)).quarantine
    freed = after((*STILL, 1.5, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0)).quarantine

    assert held is not None
    assert (held.since, held.good_in_a_row) == (8.0, 2)
    assert freed is None


def test_a_disturbed_canary_says_nothing_of_what_is_usual() -> None:
    busy = [replace(each, is_disturbed=True) for each in canaries([9.0] * 20)]
    usual = after(STILL)

    assert reduce(judged, busy, Standing()) == Standing()
    assert judged(usual, busy[0]).quarantine is not None
    assert judged(usual, replace(usual.good[0], at=9.0, is_disturbed=True)) == usual


def test_the_band_follows_the_latest_good_canaries() -> None:
    slowly = [1.0 + 0.002 * step for step in range(200)]

    standing = after(slowly)

    assert standing.quarantine is None
    assert len(standing.good) == CHART_RULES.window


def test_further_works_have_bands_of_their_own() -> None:
    def gpu(at: int, launch_ms: float) -> Canary:
        return Canary(float(at), MS, 5 * MS, {"copy": 2 * MS, "launch": launch_ms * MS})

    usual = reduce(judged, [gpu(at, 0.01) for at in range(8)], Standing())

    assert judged(usual, gpu(8, 0.012)).quarantine is None
    late = judged(usual, gpu(8, 0.02)).quarantine
    assert late is not None
    assert late.reason == "its launch canary took 0.02 ms, usual are 0.008 to 0.0125 ms"
