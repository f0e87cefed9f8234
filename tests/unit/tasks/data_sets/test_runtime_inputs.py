"""Inputs are checked, cast and quantised; a graph's types and ends are read from its nodes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm_tasks.data_sets.model_inputs import dequantised, fitted
from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadData, BadParameter
from optfarm_tasks.formats.graph_def import Node, unconsumed
from optfarm_tasks.runtimes.litert import precision_of

QUANTISED = Tensor(name="x", dtype="int8", shape=(None, 3), scale=0.5, zero_point=-4)
FLOAT, INT8, INT16, HALF = "float32", "int8", "int16", "float16"


def test_inputs_get_the_type_and_layout_of_the_signature() -> None:
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 2)),))

    given_ = np.arange(6, dtype=np.uint8).reshape(2, 3).T
    array = fitted({"x": given_, "unused": given_}, signature)["x"]

    assert array.dtype == np.float32
    assert array.flags.c_contiguous
    assert np.array_equal(array, given_)


def test_a_quantised_input_takes_real_numbers_and_saturates() -> None:
    array = fitted({"x": np.array([[0.0, 1.2, 1e6]])}, Signature(inputs=(QUANTISED,)))["x"]

    assert array.dtype == np.int8
    assert array.tolist() == [[-4, -2, 127]]


@given(st.lists(st.floats(-50, 50), min_size=3, max_size=3))
def test_what_is_quantised_comes_back_within_half_a_step(values: list[float]) -> None:
    array = fitted({"x": np.array([values])}, Signature(inputs=(QUANTISED,)))["x"]

    assert np.abs(dequantised(array, QUANTISED) - values).max() <= 0.25 + 1e-6


def test_another_batch_than_the_fixed_one_is_a_bad_parameter() -> None:
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(1, 2)),))

    with pytest.raises(BadParameter, match="fixed batch of 1, and the batch size is 8"):
        fitted({"x": np.zeros((8, 2))}, signature)


@pytest.mark.parametrize("shape", [(2, 3), (2,), (2, 2, 1), (2, 1)])
def test_another_shape_is_bad_data(shape: tuple[int, ...]) -> None:
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 2)),))

    with pytest.raises(BadData, match=r"x: float32\[\?, 2\] gets an array of shape"):
        fitted({"x": np.zeros(shape)}, signature)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(BadData, match="no array for the input x; there are z"):
        fitted({"z": np.zeros(3)}, Signature(inputs=(QUANTISED,)))


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ([("CONV_2D", [FLOAT, FLOAT, FLOAT], [FLOAT]), ("RESHAPE", [FLOAT, "int32"], [FLOAT])], "float32"),
        ([("CONV_2D", [FLOAT, INT8, FLOAT], [FLOAT])], "int8 weights, float32 activations"),
        (
            [("DEQUANTIZE", [HALF], [FLOAT]), ("CONV_2D", [FLOAT, FLOAT], [FLOAT])],
            "float16 weights, float32 activations",
        ),
        ([("QUANTIZE", [FLOAT], [INT8]), ("CONV_2D", [INT8, INT8], [INT8]), ("DEQUANTIZE", [INT8], [FLOAT])], "int8"),
        ([("CONV_2D", [INT8, INT8], [INT8]), ("SIN", [FLOAT], [FLOAT])], "int8; float32 elsewhere"),
        ([("FULLY_CONNECTED", [INT16, INT8], [INT16])], "int8 weights, int16 activations"),
        (
            [("CONV_2D", [FLOAT, FLOAT], [FLOAT]), ("FULLY_CONNECTED", [FLOAT, INT8], [FLOAT])],
            "float32; int8 weights, float32 activations",
        ),
        ([("ADD", [FLOAT, FLOAT], [FLOAT])], "float32"),
        ([("SHAPE", [FLOAT], ["int32"])], "no arithmetic"),
    ],
)
def test_the_precision_is_that_of_the_ops_that_take_the_time(
    ops: list[tuple[str, list[str], list[str]]], told: str
) -> None:
    assert precision_of(ops) == told


def test_the_ends_of_a_graph_are_what_nothing_takes() -> None:
    nodes = [
        Node("x", "Placeholder"),
        Node("w", "Const"),
        Node("product", "MatMul", ("x", "w")),
        Node("split", "Split", ("product:1",)),
        Node("left", "Relu", ("split:0",)),
        Node("right", "Relu", ("split:1", "^check")),
        Node("check", "CheckNumerics", ("product",)),
        Node("done", "NoOp", ("^left",)),
        Node("unused", "Const"),
    ]

    assert [node.name for node in unconsumed(nodes)] == ["right"]
