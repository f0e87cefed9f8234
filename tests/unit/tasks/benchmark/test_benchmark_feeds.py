"""What models are fed while they are timed."""

import itertools

import numpy as np
import pytest

from optfarm_tasks.benchmark.process import feeds
from optfarm_tasks.description import Shape, Signature, Tensor
from optfarm_tasks.errors import BadData


def signature(dtype: str, shape: Shape | None = (None, 3), scale: float | None = None) -> Signature:
    return Signature(inputs=(Tensor(name="x", dtype=dtype, shape=shape, scale=scale),))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int32", "int64", "bool"])
def test_random_inputs_have_the_dtype_of_the_signature(dtype: str) -> None:
    drawn = next(feeds.at_random(signature(dtype), 64, seed=1))["x"]

    assert drawn.dtype == np.dtype(dtype)
    assert drawn.shape == (64, 3)
    assert np.unique(drawn).size > 1


@pytest.mark.parametrize("dtype", ["float32", "int8", "uint8", "int32"])
def test_random_inputs_are_never_zero(dtype: str) -> None:
    assert next(feeds.at_random(signature(dtype), 1000, seed=1))["x"].all()


def test_random_indices_stay_small() -> None:
    assert next(feeds.at_random(signature("int64"), 1000, seed=1))["x"].max() < 10


def test_a_quantised_input_is_fed_real_values() -> None:
    assert next(feeds.at_random(signature("int8", scale=0.1), 1, seed=1))["x"].dtype == np.float32


def test_random_strings_are_strings() -> None:
    drawn = next(feeds.at_random(signature("string"), 2, seed=1))["x"]

    assert drawn.shape == (2, 3)
    assert len(set(drawn.ravel())) == 6


def test_sizes_that_vary_get_a_size() -> None:
    drawn = next(feeds.at_random(signature("float32", (None, None, 3)), 2, seed=1))["x"]

    assert drawn.shape == (2, feeds.FREE_SIZE, 3)


def test_an_input_without_rank_asks_for_data() -> None:
    with pytest.raises(BadData, match="data set"):
        next(feeds.at_random(signature("float32", None), 1, seed=1))


def test_equal_seeds_feed_both_variants_alike() -> None:
    one, other = (list(itertools.islice(feeds.at_random(signature("float32"), 2, seed=5), 3)) for _ in range(2))

    assert all((a["x"] == b["x"]).all() for a, b in zip(one, other, strict=True))
    assert not (one[0]["x"] == one[1]["x"]).all()


def test_batches_from_data_hold_its_samples_and_keep_rows_together() -> None:
    samples = {"x": np.arange(5.0), "y": np.arange(5) * 10}

    batches = list(itertools.islice(feeds.from_data(samples, 3, seed=1), 8))

    assert all(batch["x"].shape == (3,) for batch in batches)
    assert all((batch["x"] * 10 == batch["y"]).all() for batch in batches)
    assert {float(value) for batch in batches for value in batch["x"]} == set(samples["x"])


def test_a_batch_may_be_larger_than_the_data() -> None:
    batch = next(feeds.from_data({"x": np.arange(2)}, 7, seed=1))

    assert batch["x"].shape == (7,)
    assert set(batch["x"]) == {0, 1}


@pytest.mark.parametrize(("feed_bytes", "expected"), [(0, 32), (1000, 32), (8 << 20, 8), (1 << 40, 2)])
def test_the_pool_is_bounded_in_memory(feed_bytes: int, expected: int) -> None:
    assert feeds.pool_size(feed_bytes) == expected
