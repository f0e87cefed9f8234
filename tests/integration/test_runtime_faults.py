"""What an engine cannot do that it should is done without the part that fails, and the result says so."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from optfarm_tasks.runtimes import litert, onnxruntime

RANDOM = np.random.default_rng(0)

_ANY_SIZE = """
import sys, tensorflow as tf
class Model(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3), tf.float32, name="x")])
    def call(self, x):
        kernel = tf.reshape(tf.range(27.0), (3, 3, 3, 1))
        first = tf.nn.conv2d(x, kernel, 1, "VALID") * tf.ones((3,))
        return {"y": tf.reduce_mean(tf.nn.conv2d(first, kernel, 2, "VALID"), (1, 2))}
model = Model()
converter = tf.lite.TFLiteConverter.from_concrete_functions([model.call.get_concrete_function()], model)
open(sys.argv[1], "wb").write(converter.convert())
"""


def test_a_model_of_any_size_gets_its_tensors_when_it_is_fed(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _ANY_SIZE, str(tmp_path / "model.tflite")], check=True, capture_output=True)
    kernel = np.arange(27.0).reshape(3, 3, 3)

    session = litert.load(tmp_path, threads=1)

    for size in (5, 6):
        x = RANDOM.random((2, size, size, 3)).astype(np.float32)
        (given,) = session.outputs(session.run(session.feed({"x": x}))).values()
        assert given.ravel() == pytest.approx([_twice(each, kernel) for each in x], rel=1e-4)
    assert session.precision == "float32"


def _twice(image: np.ndarray, kernel: np.ndarray) -> float:
    """Two convolutions without padding, the second with a stride of 2, then the mean."""

    def windows(of: np.ndarray, step: int) -> np.ndarray:
        places = range(0, of.shape[0] - 2, step)
        return np.array([[(of[y : y + 3, x : x + 3] * kernel).sum() for x in places] for y in places])

    return float(windows(np.repeat(windows(image, 1)[:, :, None], 3, axis=2), 2).mean())


def test_what_onnx_runtime_fuses_and_cannot_run_is_run_unfused(tmp_path: Path) -> None:
    from onnx import TensorProto, helper, numpy_helper, save

    weights = RANDOM.integers(-127, 128, (2, 4, 3)).astype(np.int8)
    scales = np.array([0.01, 0.02, 0.03], np.float32)
    constants = {
        "w": weights,
        "scales": scales,
        "zeros": np.zeros(3, np.int8),
        "scale": np.float32(0.01),
        "zero": np.uint8(128),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"]),
        helper.make_node("DequantizeLinear", ["w", "scales", "zeros"], ["v"], axis=2),
        helper.make_node("MatMul", ["d", "v"], ["product"]),
        helper.make_node("QuantizeLinear", ["product", "scale", "zero"], ["p"]),
        helper.make_node("DequantizeLinear", ["p", "scale", "zero"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [2, 5, s]) for n, s in (("x", 4), ("y", 3))]
    given = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "batched", ends[:1], ends[1:], given)
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "model.onnx")
    x = RANDOM.uniform(-0.2, 0.2, (2, 5, 4)).astype(np.float32)

    session = onnxruntime.load(tmp_path, threads=1)

    truth = x @ (weights * scales)
    assert session.outputs(session.run(session.feed({"x": x})))["y"] == pytest.approx(truth, abs=0.05)
    assert session.precision.endswith("fewer optimisations, for the engine fails with all")
