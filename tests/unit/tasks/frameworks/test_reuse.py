"""What similar vectors would save: exact where they are equal, less exact the coarser the hash."""

import numpy as np
import pytest

from optfarm_tasks.frameworks.tensorflow.reuse import Reuse, clustered

RANDOM = np.random.default_rng(0)


def told(
    rows: np.ndarray, kernel: np.ndarray, *, length: int = 4, hash_bits: int = 10, seed: int = 0
) -> dict[str, float]:
    reuse = Reuse(length=length, hash_bits=hash_bits, seed=seed)
    reuse.add("c", rows.astype(np.float32), kernel.astype(np.float32))
    return reuse.notes["c"]


def test_equal_vectors_are_one_cluster_of_their_mean() -> None:
    vectors = np.repeat(np.array([[1.0, 2.0], [-3.0, 1.0]], np.float32), 3, axis=0)

    members, means = clustered(vectors, np.array([[1.0], [0.0]], np.float32))

    assert len(means) == 2
    assert np.allclose(means[members], vectors)


def test_rows_that_repeat_cost_nothing_in_error_and_save_what_repeats() -> None:
    rows = np.tile(RANDOM.standard_normal((5, 8)), (20, 1))

    found = told(rows, RANDOM.standard_normal((8, 100)), hash_bits=16)

    assert found["nmse"] == pytest.approx(0, abs=1e-6)
    assert found["clusters_per_vector"] == pytest.approx(5 / 100)
    assert found["saved"] == pytest.approx(1 - 5 / 100 - 16 / 100)


def test_more_hash_bits_are_more_exact_and_save_less() -> None:
    rows, kernel = RANDOM.standard_normal((500, 9)), RANDOM.standard_normal((9, 64))

    coarse, fine = (told(rows, kernel, length=3, hash_bits=bits) for bits in (2, 12))

    assert coarse["nmse"] > fine["nmse"]
    assert coarse["saved"] > fine["saved"]


def test_hashing_that_costs_more_than_it_saves_is_told_as_a_loss() -> None:
    assert told(RANDOM.standard_normal((10, 4)), RANDOM.standard_normal((4, 2)))["saved"] < 0


def test_a_length_that_does_not_divide_the_row_leaves_a_shorter_rest() -> None:
    rows = np.tile(RANDOM.standard_normal((3, 7)), (4, 1))

    assert told(rows, RANDOM.standard_normal((7, 32)), length=4, hash_bits=16)["nmse"] == pytest.approx(0, abs=1e-6)


def test_equal_seeds_draw_equal_hyperplanes() -> None:
    rows, kernel = RANDOM.standard_normal((50, 8)), RANDOM.standard_normal((8, 64))

    assert told(rows, kernel, seed=3) == told(rows, kernel, seed=3)
    assert told(rows, kernel, seed=3) != told(rows, kernel, seed=4)


def test_the_whole_leaves_a_layer_that_would_lose_as_it_is() -> None:
    reuse = Reuse(length=4, hash_bits=8, seed=0)
    reuse.add("loses", RANDOM.standard_normal((10, 4)).astype(np.float32), np.ones((4, 2), np.float32))
    reuse.add("gains", np.ones((10, 4), np.float32), np.ones((4, 80), np.float32))

    assert reuse.saved == pytest.approx(0.8 * 3200 / 3280, abs=1e-3)
