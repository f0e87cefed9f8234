"""Poisson arrivals, LoadGen's early stopping, and the search for the highest rate that keeps a latency limit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from optfarm_tasks.benchmark.analysis import rates
from optfarm_tasks.benchmark.analysis.rates import AMOUNTS, allowed_late, next_rate, queries_of
from optfarm_tasks.benchmark.process.queries import arrivals_ns
from optfarm_tasks.schema.spec import Effort

RATES = st.floats(0.1, 1e5)
SEEDS = st.integers(0, 2**32 - 1)
AMOUNT = AMOUNTS[Effort.QUICK]


def latencies_ns(arrived: np.ndarray, service_ns: int) -> np.ndarray:
    """What the queries of one server wait and take, in order of arrival."""
    ends, free_at = [], 0
    for arrival in arrived.tolist():
        free_at = max(free_at, arrival) + service_ns
        ends.append(free_at)
    return np.array(ends) - arrived


@given(st.integers(1, 500), RATES, SEEDS)
def test_arrivals_are_in_order_and_the_same_for_the_same_seed(count: int, rate: float, seed: int) -> None:
    found = arrivals_ns(count, rate, seed=seed)

    assert found.shape == (count,)
    assert found[0] >= 0
    assert (np.diff(found) >= 0).all()
    assert (found == arrivals_ns(count, rate, seed=seed)).all()


@given(RATES, SEEDS)
def test_gaps_have_the_mean_and_the_spread_of_a_poisson_process(rate: float, seed: int) -> None:
    gaps = np.diff(arrivals_ns(20_000, rate, seed=seed)) * rate / 1e9

    # Six standard errors: 1/√N of the mean of an exponential, √8/√N of its variance.
    assert abs(gaps.mean() - 1) < 6 / np.sqrt(gaps.size)
    assert abs(gaps.var() - 1) < 6 * np.sqrt(8 / gaps.size)


@given(RATES, st.floats(1, 10), SEEDS, st.integers(1, 10**8))
def test_no_query_waits_shorter_at_a_higher_rate(rate: float, factor: float, seed: int, service_ns: int) -> None:
    slow = latencies_ns(arrivals_ns(200, rate, seed=seed), service_ns)
    fast = latencies_ns(arrivals_ns(200, rate * factor, seed=seed), service_ns)

    assert (fast >= slow - 200).all()  # each arrival is rounded to a nanosecond


@given(st.integers(rates.FEWEST, 20_000))
def test_late_queries_are_allowed_as_early_stopping_allows_them(queries: int) -> None:
    late = allowed_late(queries)

    assert binom.cdf(late, queries, 0.01) <= 0.01 * (1 + 1e-9)
    assert binom.cdf(late + 1, queries, 0.01) > 0.01 * (1 - 1e-9)


def test_the_floors_are_those_of_loadgen() -> None:
    assert allowed_late(rates.FEWEST) == 0
    assert binom.cdf(0, rates.FEWEST - 1, 0.01) > 0.01
    assert allowed_late(rates.QUERIES - 1) == 0
    assert allowed_late(rates.QUERIES) == 1


@given(st.integers(1, rates.FEWEST - 1))
def test_of_fewer_queries_only_the_nearest_rank_is_asked(queries: int) -> None:
    late = allowed_late(queries)

    assert late <= 0.01 * queries < late + 1


@given(st.floats(1e-3, 1e6), st.floats(1e-4, 10))
def test_a_trial_has_enough_queries_unless_time_is_short(rate: float, limit_s: float) -> None:
    queries = queries_of(rate, limit_s, AMOUNT)

    assert queries >= 1
    assert queries / rate <= AMOUNT.trial_s + 1 / rate
    assert queries >= rates.QUERIES or queries >= rate * AMOUNT.trial_s
    assert queries / rate >= min(AMOUNT.limits * limit_s, AMOUNT.trial_s) * (1 - 1e-9)


@given(st.floats(0.1, 1e6), st.floats(0, 1.5), st.floats(0.005, 0.5))
def test_the_search_ends_within_its_resolution_below_the_true_rate(
    capacity: float, share: float, resolution: float
) -> None:
    truth = share * capacity
    trials: list[tuple[float, bool]] = []
    while rate := next_rate(trials, capacity, resolution=resolution):
        assert 0 < rate <= capacity
        trials.append((rate, rate <= truth))
        assert len(trials) < 50

    found = rates.highest(trials)
    if found is None:
        assert truth < capacity / 32
    else:
        assert found <= truth
        assert min(truth, capacity) <= found * (1 + resolution) * (1 + 1e-9)


def test_a_rate_that_failed_by_chance_is_sent_once_more() -> None:
    trials = [(50.0, True), (100.0, False)]

    assert next_rate(trials, 100, resolution=0.02) == 100
    assert next_rate([*trials, (100, True)], 100, resolution=0.02) is None
    assert next_rate([*trials, (100, False)], 100, resolution=0.02) == pytest.approx(70.7, abs=0.1)


@given(st.lists(st.tuples(st.floats(0.01, 1), st.booleans()), max_size=30))
def test_the_search_copes_with_trials_that_contradict_each_other(trials: list[tuple[float, bool]]) -> None:
    rate = next_rate(trials, 1.0, resolution=0.02)

    assert rate is None or 1 / 100 <= rate <= 1


def test_arrivals_wait_for_one_server_as_queueing_theory_has_it() -> None:
    # M/D/1 at a utilisation u of 0.8: the mean wait is u / (2 (1 - u)) services (Pollaczek and Khinchine).
    service_ns = 1_000_000
    waits = latencies_ns(arrivals_ns(400_000, 800, seed=1), service_ns) - service_ns

    assert waits.mean() == pytest.approx(0.8 / (2 * 0.2) * service_ns, rel=0.1)
