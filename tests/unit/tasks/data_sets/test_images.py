"""Images of a data set reach a model that takes another size, and nothing else is bent to fit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_tasks.data_sets import images
from optfarm_tasks.description import Shape, Signature, Split, Tensor
from optfarm_tasks.errors import BadData

SIZES = st.integers(1, 9)


def signature(*shapes: Shape, dtype: str = "float32") -> Signature:
    return Signature(inputs=tuple(Tensor(name=f"x{at}", dtype=dtype, shape=shape) for at, shape in enumerate(shapes)))


def split(*shapes: Shape, dtype: str = "float32") -> Split:
    tensors = (Tensor(name=f"x{at}", dtype=dtype, shape=shape) for at, shape in enumerate(shapes))
    return Split(count=4, inputs=tuple(tensors))


def test_doubling_interpolates_between_the_centres_of_pixels() -> None:
    row = np.array([[[[0.0], [4.0]]]], np.float32)

    assert images.resized(row, (1, 4)).ravel().tolist() == [0, 1, 3, 4]


def test_halving_takes_the_mean_of_neighbours() -> None:
    row = np.array([[[[0.0], [4.0], [8.0], [2.0]]]], np.float32)

    assert images.resized(row, (1, 2)).ravel().tolist() == [2, 5]


@given(SIZES, SIZES, SIZES, SIZES)
def test_a_plane_stays_within_its_values_and_a_constant_stays_one(height: int, width: int, rows: int, to: int) -> None:
    noise = np.random.default_rng(height * 10 + width).random((2, height, width, 3)).astype(np.float32)

    out = images.resized(noise, (rows, to))

    assert out.shape == (2, rows, to, 3)
    assert out.min() >= noise.min() - 1e-6
    assert out.max() <= noise.max() + 1e-6
    assert np.allclose(images.resized(np.ones_like(noise), (rows, to)), 1)


def test_the_same_size_changes_nothing() -> None:
    noise = np.random.default_rng(0).random((2, 5, 7, 3)).astype(np.float32)

    assert np.array_equal(images.resized(noise, (5, 7)), noise)


def test_bytes_stay_bytes_and_are_rounded() -> None:
    row = np.array([[[[0], [3]]]], np.uint8)

    out = images.resized(row, (1, 4))

    assert out.dtype == np.uint8
    assert out.ravel().tolist() == [0, 1, 2, 3]


def test_an_input_of_another_size_is_fed_resized_images_and_it_is_said() -> None:
    fit = images.fit(signature((None, 4, 6, 3)), split((8, 8, 3)))

    fed = fit.feed({"x0": np.zeros((2, 8, 8, 3), np.float32)})

    assert fed["x0"].shape == (2, 4, 6, 3)
    assert fit.warnings == ("x0 takes images of 4 x 6; those of the data, 8 x 8, are resized to it",)


def test_of_several_inputs_only_those_of_another_size_are_resized() -> None:
    fit = images.fit(signature((None, 4, 4, 3), (None, 8, 8, 3), (None, 2)), split((8, 8, 3), (8, 8, 3), (2,)))

    assert fit.sizes == {"x0": (4, 4)}
    assert fit.names == {"x0": "x0", "x1": "x1", "x2": "x2"}


def test_an_array_of_any_name_feeds_the_one_input() -> None:
    taken = Signature(inputs=(Tensor(name="image", dtype="float32", shape=(None, 4, None, 3)),))

    fit = images.fit(taken, split((8, 8, 3)))

    assert fit.names == {"image": "x0"}
    assert fit.sizes == {"image": (4, 8)}


@pytest.mark.parametrize("shape", [(None, 8, 8, 3), (None, None, None, 3), None])
def test_what_fits_is_left_alone(shape: Shape | None) -> None:
    taken = Signature(inputs=(Tensor(name="x0", dtype="float32", shape=shape),))

    assert images.fit(taken, split((8, 8, 3))) == images.Fit({"x0": "x0"}, {}, ())


@pytest.mark.parametrize(
    ("takes", "has"), [((None, 4, 4, 1), (8, 8, 3)), ((None, 4, 4), (8, 8)), ((None, 9), (8,)), ((None, 4, 4, 3), (8,))]
)
def test_what_differs_in_more_than_the_size_of_images_does_not_fit(takes: Shape, has: Shape) -> None:
    with pytest.raises(BadData, match="the data does not fit the model"):
        images.fit(signature(takes), split(has))


def test_words_are_never_resized() -> None:
    with pytest.raises(BadData, match="the data does not fit the model"):
        images.fit(signature((None, 4, 4, 3), dtype="string"), split((8, 8, 3), dtype="string"))
