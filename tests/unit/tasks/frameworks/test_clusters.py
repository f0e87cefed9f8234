"""Clusters of weights: few values, near the best, and zero for the pruned alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from optfarm_tasks.frameworks.keras import kmeans
from optfarm_tasks.frameworks.keras.preserving import Values, Zeros

FLOATS = st.floats(-1e3, 1e3, width=32)
KERNELS = npst.arrays(np.float32, npst.array_shapes(min_dims=1, max_dims=3, max_side=12), elements=FLOATS)


def rounded(weights: np.ndarray, count: int, *, keeps_zero: bool) -> np.ndarray:
    centroids = kmeans.centroids_of(weights, count, keeps_zero=keeps_zero)
    return centroids[kmeans.assigned(weights, centroids)]


@given(KERNELS, st.integers(2, 20))
def test_a_kernel_gets_at_most_so_many_values(weights: np.ndarray, count: int) -> None:
    found = rounded(weights, count, keeps_zero=False)

    assert found.shape == weights.shape
    assert np.unique(found).size <= count
    assert weights.min() - 1e-3 <= found.min() <= found.max() <= weights.max() + 1e-3


@given(KERNELS, st.integers(3, 20))
def test_zeros_stay_and_no_other_weight_becomes_zero(weights: np.ndarray, count: int) -> None:
    weights = np.where(np.abs(weights) < 1, np.float32(0), weights)

    found = rounded(weights, count, keeps_zero=True)

    assert np.array_equal(found == 0, weights == 0)


def test_values_that_stand_apart_are_found() -> None:
    random = np.random.default_rng(0)
    weights = random.choice(np.float32([-3, -1, 2, 5]), 10_000) + random.normal(scale=0.01, size=10_000)

    centroids = kmeans.centroids_of(weights.astype(np.float32), 4, keeps_zero=False)

    assert centroids == pytest.approx([-3, -1, 2, 5], abs=0.01)


def test_sixteen_values_of_a_normal_distribution_are_near_the_best() -> None:
    weights = np.random.default_rng(1).normal(size=200_000).astype(np.float32)

    error = np.mean((rounded(weights, 16, keeps_zero=False) - weights) ** 2)

    # The least error of 16 levels is 0.009497 of the variance (Max, 1960).
    assert error <= 1.03 * 0.009497


def test_equal_weights_are_one_value() -> None:
    assert np.unique(rounded(np.full((8, 8), 0.5, np.float32), 16, keeps_zero=False)).tolist() == [0.5]


def test_a_kernel_that_lost_its_values_gets_the_mean_of_each_group() -> None:
    kept = Values(np.uint16([[0, 1], [1, 2]]), 3, zero=0)

    assert kept.restored(np.float32([[0.3, 1.0], [3.0, 5.0]])).tolist() == [[0.0, 2.0], [2.0, 5.0]]


def test_a_kernel_that_lost_its_zeros_gets_them_back() -> None:
    kept = Zeros(np.array([[False, True]]))

    assert kept.restored(np.float32([[0.3, 1.0]])).tolist() == [[0.0, 1.0]]
