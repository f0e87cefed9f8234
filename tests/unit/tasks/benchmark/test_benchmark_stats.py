"""The arithmetic of a measurement against SciPy, NumPy and numbers made up to have a known answer."""

import math
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from optfarm_tasks.benchmark.analysis import stats
from optfarm_tasks.benchmark.analysis.stats import Estimator, Samples

LATENCIES = arrays(np.int64, st.integers(1, 2000), elements=st.integers(1, 10**12))
FINITE = st.floats(-10, 10, allow_subnormal=False)


def made_up(
    *, pairs: int = 2, groups: int = 3, requests: int = 40, baseline_ns: int = 2000, candidate_ns: int = 1000
) -> Samples:
    """A measurement without any noise."""
    rows = [
        (pair, group, side, (baseline_ns, candidate_ns)[side])
        for pair in range(pairs)
        for group in range(groups)
        for side in (0, 1, 1, 0)
        for _ in range(requests)
    ]
    pair, group, side, wall_ns = np.array(rows, dtype=np.int64).T
    return Samples(pair=pair, group=group, side=side, wall_ns=wall_ns, cpu_ns=wall_ns, switches=np.zeros_like(pair))


def disturbed(samples: Samples, mask: np.ndarray) -> Samples:
    """The same, but requests that the mask picks were preempted and took ten times as long."""
    return replace(
        samples,
        wall_ns=np.where(mask, samples.wall_ns * 10, samples.wall_ns),
        switches=mask.astype(np.int64),
    )


@given(LATENCIES, st.floats(0.001, 1.0))
def test_nearest_rank_is_numpys_inverted_cdf(values: np.ndarray, fraction: float) -> None:
    expected = np.sort(values)[max(1, math.ceil(fraction * values.size)) - 1]

    assert stats.nearest_rank(values, fraction) == expected


@given(LATENCIES)
def test_the_nearest_rank_median_is_a_value_that_half_do_not_exceed(values: np.ndarray) -> None:
    found = stats.nearest_rank(values, 0.5)

    assert found in values
    assert (values <= found).mean() >= 0.5
    assert found == np.quantile(values, 0.5, method="inverted_cdf")


@pytest.mark.parametrize(("fraction", "floor"), [(0.90, 64), (0.95, 130), (0.99, 662)])
def test_a_tail_is_null_below_its_floor(fraction: float, floor: int) -> None:
    values = np.arange(1, floor + 1)

    assert stats.tail(values[:-1], fraction) is None
    assert stats.tail(values, fraction) == math.ceil(fraction * floor)


@given(st.lists(FINITE, min_size=2, max_size=20))
def test_the_t_interval_is_scipys(values: list[float]) -> None:
    found = stats.t_interval(values)

    assert found is not None
    spread = np.std(values, ddof=1) / math.sqrt(len(values))
    assert found.half_width == pytest.approx(scipy.stats.t.ppf(0.975, len(values) - 1) * spread, rel=1e-8)
    assert found.mean == pytest.approx(np.mean(values))


def test_a_single_pair_has_no_interval() -> None:
    assert stats.t_interval([0.5]) is None


def test_the_interval_of_ratios_is_that_of_their_logarithms() -> None:
    interval = stats.t_interval([math.log(2), math.log(2)])

    assert interval is not None
    assert interval.exponential == pytest.approx((2, 2))


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_a_ratio_above_one_says_that_the_candidate_is_faster(baseline_ns: int, candidate_ns: int) -> None:
    samples = made_up(baseline_ns=baseline_ns, candidate_ns=candidate_ns)

    ratios = stats.pair_ratios(samples, Estimator.CLEAN_P50)

    assert ratios == (baseline_ns / candidate_ns,) * 2
    assert stats.ratio(ratios) == baseline_ns / candidate_ns


def test_preempted_requests_do_not_move_the_ratio() -> None:
    quiet = made_up()
    hit = disturbed(quiet, (quiet.side == 0) & (np.arange(quiet.wall_ns.size) % 3 != 0))

    assert stats.pair_ratios(hit, Estimator.CLEAN_P50) == stats.pair_ratios(quiet, Estimator.CLEAN_P50)
    assert stats.pair_ratios(hit, Estimator.P50) != stats.pair_ratios(quiet, Estimator.P50)


def test_one_bad_group_does_not_move_the_ratio() -> None:
    quiet = made_up()
    slowed = replace(quiet, wall_ns=np.where((quiet.group == 1) & (quiet.side == 1), 9000, quiet.wall_ns))

    assert stats.pair_ratios(slowed, Estimator.P50) == (2.0, 2.0)


@given(st.randoms(use_true_random=False))
def test_the_order_of_samples_does_not_matter(random: object) -> None:
    samples = made_up()
    order = np.arange(samples.wall_ns.size)
    random.shuffle(order)  # type: ignore[attr-defined]  # hypothesis hands out a Random

    assert stats.pair_ratios(samples.where(order), Estimator.CLEAN_P50) == (2.0, 2.0)


def test_clean_medians_are_the_rule() -> None:
    assert stats.choose_estimator(made_up(), threads=1) is Estimator.CLEAN_P50


def test_several_threads_never_use_the_clean_filter() -> None:
    assert stats.choose_estimator(made_up(), threads=2) is Estimator.P50


def test_long_single_threaded_work_falls_back_on_cpu_time() -> None:
    few = made_up(requests=10, baseline_ns=40_000_000, candidate_ns=20_000_000)

    assert stats.has_few_clean(few.where(few.side == 0))
    assert stats.choose_estimator(few, threads=1) is Estimator.CPU_P50


def test_short_work_does_not_fall_back_on_cpu_time() -> None:
    few = made_up(requests=10, baseline_ns=40_000_000, candidate_ns=9_000_000)

    assert stats.choose_estimator(few, threads=1) is Estimator.CLEAN_P50


def test_cpu_time_that_another_thread_spent_is_not_taken_for_the_works() -> None:
    few = made_up(requests=10, baseline_ns=40_000_000, candidate_ns=20_000_000)
    elsewhere = replace(few, cpu_ns=few.cpu_ns * 6 // 10)

    assert stats.choose_estimator(elsewhere, threads=1) is Estimator.CLEAN_P50


def test_a_group_without_one_clean_request_leaves_the_raw_median() -> None:
    samples = made_up()
    hit = disturbed(samples, (samples.group == 0) & (samples.side == 0) & (samples.pair == 0))

    assert stats.choose_estimator(hit, threads=1) is Estimator.P50


@pytest.mark.parametrize(("requests", "preempted", "few"), [(400, 199, False), (400, 201, True), (199, 0, True)])
def test_few_clean_is_under_half_or_under_200(requests: int, preempted: int, *, few: bool) -> None:
    side = made_up(pairs=1, groups=1, requests=requests).where(np.arange(requests))

    assert stats.has_few_clean(disturbed(side, np.arange(requests) < preempted)) is few


def test_drift_is_seen_within_pairs_and_not_between_them() -> None:
    samples = made_up(groups=9)

    assert set(stats.trends(replace(samples, wall_ns=samples.wall_ns * (1 + samples.pair)))) == {0}
    assert (
        min(stats.trends(replace(samples, wall_ns=samples.wall_ns * (10 + samples.group)).where(samples.side == 0)))
        > 0.3
    )


def test_the_published_interval_is_across_processes() -> None:
    samples = made_up(pairs=3).where(made_up(pairs=3).side == 0)
    shifted = replace(samples, wall_ns=samples.wall_ns + 100 * samples.pair)

    interval = stats.process_interval(shifted, Estimator.P50)

    assert interval is not None
    assert interval[0] < 2000
    assert interval[1] > 2200
    assert stats.process_interval(samples.where(samples.pair == 0), Estimator.P50) is None
