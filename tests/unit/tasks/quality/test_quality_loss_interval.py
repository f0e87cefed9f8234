"""Intervals of a loss: against published tables, against scipy, and by their properties."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from optfarm.loss import Gate, gate
from optfarm_tasks.quality.loss_interval import ConfidenceInterval, _newcombe, _wilson, of_hits, of_means, of_parts

counts = st.integers(0, 60)


def test_paired_shares_have_the_interval_that_newcombe_computes() -> None:
    assert _newcombe(both=36, lost=12, won=2, neither=0) == pytest.approx((0.0569, 0.3404), abs=5e-5)


@given(hits=counts, misses=counts)
def test_one_share_has_wilson_s_interval(hits: int, misses: int) -> None:
    if not hits + misses:
        return

    found = _wilson(hits / (hits + misses), hits + misses)

    theirs = stats.binomtest(hits, hits + misses).proportion_ci(method="wilson")
    assert found == pytest.approx((theirs.low, theirs.high), abs=1e-12)


@given(both=counts, lost=counts, won=counts, neither=counts)
@example(both=0, lost=0, won=48, neither=0)
def test_a_difference_lies_in_its_interval_and_turns_with_the_sides(
    both: int, lost: int, won: int, neither: int
) -> None:
    count = both + lost + won + neither
    if not count:
        return

    low, high = _newcombe(both=both, lost=lost, won=won, neither=neither)
    turned = _newcombe(both=both, lost=won, won=lost, neither=neither)

    assert -1 <= low <= (lost - won) / count <= high <= 1
    assert turned == pytest.approx((-high, -low))


def test_hits_that_all_agree_still_leave_a_doubt() -> None:
    hits = np.ones(50, dtype=bool)

    interval = of_hits(hits, hits).ci95

    assert interval is not None
    assert interval[0] < 0 < interval[1]
    assert gate(interval, 0.001) is Gate.UNDECIDED


def test_means_have_about_the_interval_of_scipy_s_paired_bootstrap() -> None:
    random = np.random.default_rng(1)
    baseline = random.exponential(size=300)
    candidate = baseline * 1.05 + random.normal(scale=0.05, size=300)

    found = of_means(baseline, candidate, seed=0).ci95

    theirs = stats.bootstrap(
        (baseline, candidate),
        lambda ours, others, axis: others.mean(axis) / ours.mean(axis) - 1,
        paired=True,
        method="BCa",
        n_resamples=4000,
        rng=np.random.default_rng(2),
    ).confidence_interval
    assert found == pytest.approx((theirs.low, theirs.high), abs=0.002)


def test_the_interval_of_means_holds_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(5)
    held = 0
    for seed in range(150):
        baseline = random.gamma(2.0, size=120)
        interval = of_means(baseline, baseline * 1.02 + random.normal(scale=0.1, size=120), seed=seed).ci95
        assert interval is not None
        held += interval[0] <= 0.02 <= interval[1]

    assert held >= 133, "95% is 142; fewer than 133 would come once in 700 times"


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=10)
def test_equal_errors_lose_nothing_for_sure(seed: int) -> None:
    errors = np.arange(1.0, 40.0)

    assert of_means(errors, errors, seed=seed).ci95 == pytest.approx((0.0, 0.0), abs=1e-12)


@pytest.mark.parametrize("count", range(5))
def test_a_few_samples_decide_nothing_and_the_reason_is_told(count: int) -> None:
    errors = np.arange(1.0, count + 1)

    found = of_means(errors, 2 * errors[::-1], seed=0)

    assert found.ci95 is None
    assert found.reason == f"{count} test sample{' is' if count == 1 else 's are'} too few: an interval takes 5"
    assert gate(found.ci95, 1.0) is Gate.UNDECIDED


def test_one_hit_decides_nothing() -> None:
    one = np.ones(1, dtype=bool)

    assert of_hits(one, one) == ConfidenceInterval(None, "1 test sample is too few: an interval takes 2")


def test_there_is_no_loss_relative_to_nothing() -> None:
    assert of_means(np.zeros(9), np.ones(9), seed=0).reason == "the baseline's value is 0, and a loss is relative to it"
    assert of_hits(np.zeros(9, dtype=bool), np.ones(9, dtype=bool)).ci95 is None


def test_a_part_that_is_the_whole_of_a_few_samples_leaves_a_doubt() -> None:
    whole = np.array([2.0, 5.0, 1.0, 3.0, 3.0, 4.0])

    for_all, for_half = of_parts(whole, whole), of_parts(whole, whole * [1, 0.5, 1, 0.4, 0.7, 1])

    assert gate(for_all.ci95, 0.005) is Gate.UNDECIDED
    low, high = for_half.ci95 or (0, 0)
    assert low < 1 - (whole * [1, 0.5, 1, 0.4, 0.7, 1]).sum() / whole.sum() < high
