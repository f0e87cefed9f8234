"""When a canary leaves its band, and what ends a quarantine."""

import math
import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_scheduler.control_chart import Canary, band_of, standing

STILL = (1.0, 1.01, 0.99, 1.0, 1.02, 0.98, 1.0, 1.01)
DURATIONS = st.lists(st.floats(0.01, 100), min_size=8, max_size=30)


def canaries(durations: Sequence[float]) -> list[Canary]:
    return [Canary(at=float(at), duration_s=duration_s) for at, duration_s in enumerate(durations)]


def test_too_few_good_canaries_judge_nothing() -> None:
    assert band_of(canaries(STILL[:7])) is None
    assert standing(canaries((*STILL[:7], 50.0))).quarantine is None


def test_limits_are_three_sigma_by_the_mean_moving_range() -> None:
    band = band_of(canaries((1.0, math.e) * 4))

    assert band is not None
    assert math.log(band.centre_s) == pytest.approx(0.5)
    assert math.log(band.high_s) == pytest.approx(0.5 + 3 / 1.128)
    assert math.log(band.low_s) == pytest.approx(0.5 - 3 / 1.128)


def test_a_still_history_leaves_room() -> None:
    band = band_of(canaries((2.0,) * 8))

    assert band is not None
    assert band.high_s == pytest.approx(2.1)


@given(DURATIONS, st.floats(0.1, 10))
def test_the_band_scales_with_the_device(durations: list[float], factor: float) -> None:
    band, scaled = band_of(canaries(durations)), band_of(canaries([factor * each for each in durations]))

    assert band is not None
    assert scaled is not None
    assert 0 < band.low_s < band.centre_s < band.high_s
    assert (scaled.low_s, scaled.high_s) == pytest.approx((factor * band.low_s, factor * band.high_s), rel=1e-6)


def test_a_slow_and_a_fast_canary_quarantine() -> None:
    slow, fast = (standing(canaries((*STILL, last))).quarantine for last in (1.5, 0.6))

    assert slow is not None
    assert (slow.since, slow.reason) == (8.0, "its canary took 1.5 s, usual are 0.953 to 1.05 s")
    assert fast is not None


def test_a_bad_canary_is_no_part_of_the_band() -> None:
    assert standing(canaries((*STILL, 1.5, 1.5, 1.5))).good == tuple(canaries(STILL))


def test_three_good_canaries_in_a_row_release() -> None:
    held = standing(canaries((*STILL, 1.5, 1.0, 1.0, 1.5, 1.0, 1.0))).quarantine
    freed = standing(canaries((*STILL, 1.5, 1.0, 1.0, 1.5, 1.0, 1.0, 1.0))).quarantine

    assert held is not None
    assert (held.since, held.good_in_a_row) == (8.0, 2)
    assert freed is None


def test_a_release_by_hand_holds_until_the_next_bad_canary() -> None:
    bad = canaries((*STILL, 1.5))

    assert standing(bad, released_at=7.5).quarantine is not None
    assert standing(bad, released_at=8.5).quarantine is None
    again = standing([*bad, Canary(at=9.0, duration_s=1.5)], released_at=8.5).quarantine
    assert again is not None
    assert again.since == 9.0


@given(DURATIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_input_changes_nothing(durations: list[float], rng: random.Random) -> None:
    shuffled = canaries(durations)
    rng.shuffle(shuffled)

    assert standing(shuffled) == standing(canaries(durations))
