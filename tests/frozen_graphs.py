"""Writes small frozen graphs (.pb) and what TensorFlow says of them: python frozen_graphs.py FOLDER.

It is run in a process of its own, so that tests need not import TensorFlow. FOLDER/expected.json has, for each graph,
inputs as name → [dtype, shape], optional inputs, outputs as name → dtype, ops, and elements of constants.
"""

import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

import numpy as np
import tensorflow as tf  # noqa: TID253 (this script is a process of its own, made to import it)

v1 = tf.compat.v1
RANDOM = np.random.default_rng(5)


def weights(*shape: int) -> Any:
    """A constant of small random numbers."""
    return tf.constant(RANDOM.normal(0, 0.2, shape).astype(np.float32))


def classifier() -> None:
    """Convolutions with batch norms, two inputs, one that has a default, an input that nothing takes."""
    image = v1.placeholder(tf.float32, [None, 8, 8, 3], name="net/image")
    speed = v1.placeholder(tf.float32, [None, 1], name="a_speed")
    v1.placeholder(tf.int32, [], name="unused")
    gain = v1.placeholder_with_default(tf.constant(2.0), [], name="gain")
    hidden = tf.nn.conv2d(image, weights(3, 3, 3, 8), 1, "SAME", name="conv")
    hidden = tf.nn.relu(batch_norm(tf.nn.bias_add(hidden, weights(8)), 8, "norm"))
    hidden = tf.nn.depthwise_conv2d(hidden, weights(3, 3, 8, 2), [1, 1, 1, 1], "VALID", name="deep")
    hidden = tf.nn.relu(batch_norm(hidden, 16, "deep_norm"))
    flat = tf.concat([tf.reshape(hidden, [-1, 6 * 6 * 16]), speed], 1)
    logits = tf.identity(tf.matmul(flat, weights(577, 4)) * gain, name="logits")
    tf.nn.softmax(logits, name="scores")
    tf.argmax(logits, 1, output_type=tf.int32, name="label")


def batch_norm(values: Any, channels: int, name: str) -> Any:
    """As a trained model has it."""
    variance = tf.constant(RANDOM.uniform(0.5, 2, channels).astype(np.float32))
    scale, offset, mean = weights(channels) + 1, weights(channels), weights(channels)
    return v1.nn.fused_batch_norm(values, scale, offset, mean, variance, is_training=False, name=name)[0]


def strings() -> None:
    """A string in and a string out."""
    words = v1.placeholder(tf.string, [None], name="words")
    tf.strings.lower(words, name="low")
    tf.strings.length(words, name="length")


def loop() -> None:
    """A loop as TensorFlow 1 writes it: Enter, Merge, Switch, NextIteration, Exit; and a branch."""
    v1.disable_control_flow_v2()
    x = v1.placeholder(tf.float32, [None, 4], name="x")
    step = weights(4, 4)
    turns = v1.while_loop(lambda n, _: n < 3, lambda n, y: (n + 1, tf.tanh(y @ step)), [tf.constant(0), x])[1]
    branch = v1.cond(tf.reduce_sum(x) > 0, lambda: turns * 2, lambda: turns - 1)
    tf.identity(branch, name="y")
    v1.enable_control_flow_v2()


def functional_loop() -> None:
    """The same kind of loop as TensorFlow 2 writes it: functions in the graph's library."""
    x = v1.placeholder(tf.float32, [None, 4], name="x")
    step = weights(4, 4)
    turns = tf.while_loop(lambda n, _: n < 3, lambda n, y: (n + 1, tf.tanh(y @ step)), [tf.constant(0), x])[1]
    tf.identity(turns, name="y")


def several() -> None:
    """Nodes with several outputs, none of which is taken."""
    x = v1.placeholder(tf.float32, [None, 6], name="x")
    tf.math.top_k(x, 2, name="best")
    tf.split(x, 3, 1, name="parts")


GRAPHS: dict[Callable[[], None], list[str]] = {
    classifier: ["scores", "label", "unused", "gain"],
    strings: ["low", "length"],
    loop: ["y"],
    functional_loop: ["y"],
    several: ["best", "parts"],
}
"""What writes a graph → the nodes that are kept with what they need, as freezing leaves them."""


def description_of(graph: Any) -> dict[str, Any]:
    """What TensorFlow says."""
    operations = graph.get_operations()
    taken = {giver for each in operations for giver in each.control_inputs}
    taken |= {tensor.op for each in operations for tensor in each.inputs}
    ends = [each for each in operations if each not in taken]
    outputs = [tensor for each in ends if "Placeholder" not in each.type for tensor in each.outputs]
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(node for each in definition.library.function for node in each.node_def)]
    return {
        "inputs": {each.name: spec(each.outputs[0]) for each in operations if each.type == "Placeholder"},
        "optional": [each.name for each in operations if each.type == "PlaceholderWithDefault"],
        "outputs": {tensor.name.removesuffix(":0"): tensor.dtype.name for tensor in outputs},
        "ops": Counter(node.op for node in nodes),
        "parameters": sum(
            int(np.prod(tf.make_ndarray(each.attr["value"].tensor).shape)) for each in nodes if each.op == "Const"
        ),
    }


def spec(tensor: Any) -> list[Any]:
    """Type and shape."""
    return [tensor.dtype.name, tensor.shape.as_list()]


def main(folder: Path) -> None:
    """Writes everything."""
    expected = {}
    for make, kept in GRAPHS.items():
        with tf.Graph().as_default() as whole:
            make()
        definition = v1.graph_util.extract_sub_graph(whole.as_graph_def(), kept)
        with tf.Graph().as_default() as graph:
            tf.graph_util.import_graph_def(definition, name="")
        (folder / f"{make.__name__}.pb").write_bytes(graph.as_graph_def().SerializeToString())
        expected[make.__name__] = description_of(graph)
    (folder / "expected.json").write_text(json.dumps(expected))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
