"""Outputs are compared with those that they answer to, and sessions run on any number of samples."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.quality.pairing import paired
from optfarm_tasks.quality.prediction import predict
from optfarm_tasks.runtime import Arrays

A, B = np.zeros((4, 2)), np.ones((4, 3))


class Doubling:
    """Doubles its one input, and insists on a batch if it has one."""

    precision = "float64"

    def __init__(self, batch_size: int | None) -> None:
        self.batch_size = batch_size
        self.signature = Signature(inputs=(Tensor(name="x", dtype="float64", shape=(batch_size, 1)),))
        self.ran: list[int] = []

    def reset(self) -> None:
        """Keeps nothing."""

    def exact(self) -> None:
        """Computes in floats."""

    def feed(self, inputs: Arrays) -> Any:
        """Checks the batch."""
        assert self.batch_size in (None, len(inputs["x"]))
        self.ran.append(len(inputs["x"]))
        return inputs["x"]

    def run(self, feed: Any) -> Any:
        """Doubles."""
        return feed * 2

    def outputs(self, raw: Any) -> dict[str, NDArray[Any]]:
        """Gives the result, and a number that has nothing to do with samples."""
        return {"y": raw, "version": np.array(3)}


@pytest.mark.parametrize(("batch_size", "ran"), [(None, [7]), (1, [1] * 7), (3, [3, 3, 3]), (8, [8])])
def test_a_fixed_batch_is_filled_up_and_cut_again(batch_size: int | None, ran: list[int]) -> None:
    session = Doubling(batch_size)
    samples = np.arange(7.0)[:, None]

    outputs = predict(session, {"x": samples})

    assert np.array_equal(outputs["y"], samples * 2)
    assert session.ran == ran


class Bounded(Doubling):
    """Takes batches up to three."""

    largest_batch = 3


def test_samples_are_parted_where_batches_are_bounded() -> None:
    session = Bounded(None)
    samples = np.arange(7.0)[:, None]

    outputs = predict(session, {"x": samples})

    assert np.array_equal(outputs["y"], samples * 2)
    assert session.ran == [3, 3, 3]


def test_outputs_of_the_same_names_belong_together_whatever_their_order() -> None:
    pairs = paired({"a": A, "b": B}, {"b": B + 1, "a": A + 1})

    assert np.array_equal(pairs.numbers["a"][1], A + 1)
    assert np.array_equal(pairs.numbers["b"][1], B + 1)
    assert not pairs.warnings


def test_renamed_outputs_are_matched_by_order_and_it_is_said() -> None:
    pairs = paired({"a": A, "b": B}, {"output_0": A, "output_1": B})

    assert pairs.warnings == ("outputs are matched by their order: a = output_0, b = output_1",)


def test_an_axis_of_one_value_is_no_difference() -> None:
    pairs = paired({"a": np.zeros((4, 1))}, {"a": np.ones(4)})

    assert pairs.numbers["a"][1].shape == (4, 1)


@pytest.mark.parametrize("candidate", [{"y": A}, {"y": B, "z": A}, {"a": A, "z": A}, {"a": A, "b": A}])
def test_outputs_that_do_not_answer_to_each_other_are_refused_with_both_sides(candidate: dict[str, Any]) -> None:
    with pytest.raises(BadModel, match=r"the baseline gives a \[4, 2\], b \[4, 3\], the candidate "):
        paired({"a": A, "b": B}, candidate)


def test_text_is_left_out_and_it_is_said() -> None:
    words = np.array(["x", "y", "z", "w"], dtype=object)

    pairs = paired({"a": A, "tag": words}, {"a": A, "tag": words})

    assert list(pairs.numbers) == ["a"]
    assert pairs.warnings == ("tag holds no numbers and is not compared",)


def test_nothing_but_text_cannot_be_compared() -> None:
    words = np.array(["x"], dtype=object)

    with pytest.raises(BadModel, match="no output holds numbers"):
        paired({"tag": words}, {"tag": words})
