"""Differences from the baseline are summed batch by batch and come out as if computed at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from optfarm_tasks.actions.evaluate import batches
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.comparison import cosine

Numbers = NDArray[np.float64]


def agreement(baseline: Numbers, candidate: Numbers, *, size: int = 100) -> Agreement:
    found = Agreement()
    for start in range(0, len(baseline), size):
        found.add(baseline[start : start + size], candidate[start : start + size])
    return found


def outputs(seed: int, count: int = 50) -> tuple[Numbers, Numbers]:
    random = np.random.default_rng(seed)
    baseline = random.normal(3, 2, (count, 4, 5)) * random.uniform(0.1, 10, (4, 5))
    return baseline, baseline + random.normal(0, 0.3, baseline.shape)


@given(seed=st.integers(0, 10**6), size=st.integers(1, 60))
def test_sums_do_not_depend_on_the_batches(seed: int, size: int) -> None:
    baseline, candidate = outputs(seed)

    found = agreement(baseline, candidate, size=size)

    squares = (candidate - baseline) ** 2
    assert found.squares / found.values == pytest.approx(squares.mean())
    assert found.nmse == pytest.approx(squares.sum() / ((baseline - baseline.mean(axis=0)) ** 2).sum())
    assert found.max_abs == np.abs(candidate - baseline).max()
    expected = (baseline * candidate).sum() / np.linalg.norm(baseline) / np.linalg.norm(candidate)
    assert cosine({"y": found}) == pytest.approx(expected)


def test_a_variance_far_from_zero_is_not_lost_to_rounding() -> None:
    baseline = 1e6 + np.random.default_rng(0).normal(0, 1e-3, (1000, 1))

    assert agreement(baseline, baseline, size=7).spread == pytest.approx(1000 * baseline.var(), rel=1e-6)


def test_saying_the_mean_of_each_element_has_an_nmse_of_one() -> None:
    baseline, _ = outputs(1)
    mean = np.broadcast_to(baseline.mean(axis=0), baseline.shape)

    assert agreement(baseline, mean, size=9).nmse == pytest.approx(1)


def test_equal_outputs_have_no_error_even_if_they_are_constant() -> None:
    constant = np.full((8, 3), 0.1)

    assert agreement(constant, constant).nmse == 0


def test_a_constant_baseline_has_no_variance_to_compare_with() -> None:
    constant = np.full((8, 3), 0.1)

    assert agreement(constant, constant + 0.01, size=3).nmse is None


def test_a_single_sample_is_compared_with_the_spread_of_its_own_values() -> None:
    baseline = np.array([[0.0, 2.0]])

    assert agreement(baseline, baseline + 0.1).nmse == pytest.approx(0.01)


def test_outputs_whose_size_varies_are_compared_with_the_spread_of_all_values() -> None:
    found = Agreement()
    found.add(np.array([[0.0, 2.0]]), np.array([[0.0, 2.0]]))
    found.add(np.array([[4.0]]), np.array([[4.5]]))

    assert found.nmse == pytest.approx(0.25 / 8)


def test_values_that_are_not_finite_are_counted_and_kept_out_of_the_sums() -> None:
    baseline = np.array([[1.0, -np.inf, 3.0, 4.0]])
    candidate = np.array([[1.0, -np.inf, np.nan, np.inf]])

    found = agreement(baseline, candidate)

    assert (found.skipped, found.not_finite, found.values) == (1, 2, 3)
    assert np.isfinite(found.squares)


def test_integers_and_booleans_are_numbers() -> None:
    found = Agreement()
    found.add(np.array([[True], [False]]), np.array([[True], [True]]))

    assert found.squares == 1


def test_the_angle_to_nothing_is_unknown() -> None:
    assert cosine({"y": agreement(np.zeros((2, 2)), np.ones((2, 2)))}) is None


@given(count=st.integers(1, 5000), sample_bytes=st.integers(1, 1 << 28))
def test_batches_are_small_and_leave_nothing_out(count: int, sample_bytes: int) -> None:
    parts = list(batches(count, count * sample_bytes))

    assert [part.start for part in parts] == [0, *(part.stop for part in parts[:-1])]
    assert parts[-1].stop == count
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes) <= 64
    assert max(sizes) == 1 or max(sizes) * sample_bytes <= 32 << 20


def test_one_sample_has_an_error_but_no_interval_of_it_even_if_nothing_differs() -> None:
    one = np.array([[0.0, 2.0]])

    assert [agreement(one, one + apart).interval.ci95 for apart in (0.0, 0.1)] == [None, None]
    assert "1 test sample is too few" in (agreement(one, one).interval.reason or "")


def test_outputs_that_never_differ_lose_nothing_however_constant_they_are() -> None:
    constant = np.full((8, 3), 0.1)

    assert agreement(constant, constant).interval.ci95 == (0, 0)
    assert agreement(constant, constant + 0.1).interval.reason == "the baseline's output is constant"


def test_an_output_without_elements_agrees() -> None:
    found = Agreement()

    found.add(np.zeros((4, 0)), np.zeros((4, 0)))
    found.add(np.zeros((4, 0)), np.zeros((4, 0)))

    assert (found.nmse, found.max_abs, found.values) == (0.0, 0.0, 0)
    assert found.interval.ci95 is None or found.interval.ci95[0] <= 0
