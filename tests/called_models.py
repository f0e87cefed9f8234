"""Writes models whose inputs can be left, fixed or fed: python called_models.py FOLDER, in a process of its own."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx  # noqa: TID253 (this script is a process of its own, made to import it)
import tensorflow as tf  # noqa: TID253 (as above)
from onnx import TensorProto, helper, numpy_helper  # noqa: TID253 (as above)

RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(4, 3)).astype(np.float32)


def graph_with_dropout(folder: Path) -> None:
    """A frozen graph whose flag is on by default, so that its noise stays on; it has an inner end besides."""
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, 4), name="x")
        training = tf.compat.v1.placeholder_with_default(True, (), name="training")
        features = tf.matmul(x, WEIGHTS, name="features")
        noisy = features * tf.cast(tf.random.uniform(tf.shape(features)) > 0.5, tf.float32) * 2.0
        tf.identity(tf.where(training, noisy, features) + 1.0, name="y")
    (folder / "dropout").mkdir()
    (folder / "dropout" / "model.pb").write_bytes(graph.as_graph_def().SerializeToString())


class Scaled(tf.Module):
    """Adds a state whose batch is its second axis, scaled by a single value."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = tf.Variable(WEIGHTS)

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 4), tf.float32, name="x"),
            tf.TensorSpec((2, None, 3), tf.float32, name="state"),
            tf.TensorSpec((), tf.float32, name="rate"),
        ]
    )
    def call(self, x: Any, state: Any, rate: Any) -> dict[str, Any]:
        """The state goes on by what is seen."""
        seen = rate * (x @ self.weights)
        return {"y": seen + tf.reduce_sum(state, axis=0), "new_state": state + seen[None]}


class Counting(tf.Module):
    """Adds how often it was called to what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0.0, name="calls")

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, name="x")])
    def call(self, x: Any) -> dict[str, Any]:
        """The first call adds 1."""
        return {"y": x + self.calls.assign_add(1.0)}


def keras_with_state(folder: Path) -> None:
    """A Keras 3 model with a stateful layer within another."""
    import keras

    (folder / "stateful").mkdir()
    x = keras.Input((5, 4), batch_size=2, name="x")
    layer = keras.layers.Bidirectional(keras.layers.GRU(3, stateful=True, name="cell"), name="both")
    keras.Model(x, layer(x)).save(folder / "stateful" / "model.keras")


def keras_with_names(folder: Path) -> None:
    """A Keras 3 model one of whose inputs has a name that no argument of Python can have."""
    import keras

    (folder / "named").mkdir()
    length, other = keras.Input((4,), name="größe 1"), keras.Input((4,), name="other")
    y, z = keras.layers.Dense(2, name="y")(length), keras.layers.Add(name="z")([length, other])
    keras.Model([length, other], [y, z]).save(folder / "named" / "model.keras")


def openvino_with_state(folder: Path) -> None:
    """Adds what it was given before."""
    import openvino
    from openvino import opset13 as ops

    x = ops.parameter([-1, 4], np.float32, name="x")
    x.output(0).set_names({"x"})
    before = ops.read_value(ops.constant(np.zeros((1, 4), np.float32)), "sums")
    after = ops.add(before, ops.reduce_sum(x, np.array([0]), keep_dims=True))
    y = ops.add(x, after)
    y.output(0).set_names({"y"})
    (folder / "summing").mkdir()
    model = openvino.Model([ops.result(y)], [ops.assign(after, "sums")], [x], "summing")
    openvino.save_model(model, folder / "summing" / "model.xml", compress_to_fp16=False)


def onnx_with_flag(folder: Path) -> None:
    """An ONNX model that scales by an input of fixed size."""
    floats = TensorProto.FLOAT
    ends = [
        helper.make_tensor_value_info("x", floats, ["N", 4]),
        helper.make_tensor_value_info("gain", floats, [3]),
    ]
    nodes = [helper.make_node("MatMul", ["x", "w"], ["features"]), helper.make_node("Mul", ["features", "gain"], ["y"])]
    output = helper.make_tensor_value_info("y", floats, ["N", 3])
    graph = helper.make_graph(nodes, "gained", ends, [output], [numpy_helper.from_array(WEIGHTS, "w")])
    (folder / "gained").mkdir()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, folder / "gained" / "model.onnx")


def main(folder: Path) -> None:
    """Writes them, and the weights that all of them have."""
    graph_with_dropout(folder)
    scaled = Scaled()
    tf.saved_model.save(scaled, str(folder / "scaled"), signatures={"serving_default": scaled.call})
    counting = Counting()
    tf.saved_model.save(counting, str(folder / "counting"), signatures={"serving_default": counting.call})
    keras_with_state(folder)
    keras_with_names(folder)
    openvino_with_state(folder)
    onnx_with_flag(folder)
    np.save(folder / "weights.npy", WEIGHTS)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
