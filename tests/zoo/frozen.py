"""Frozen graphs (.pb) as TensorFlow 1 wrote them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.zoo.entries import Arrays, Feeds, Truth, add, real
from tests.zoo.graphs import weights

Make = Callable[[Any], Any]


def frozen(name: str, feeds: Feeds, *, tags: str = "", lowered: bool = False) -> Callable[[Make], Make]:
    """The decorated function makes outputs by name of placeholders, in a graph of TensorFlow 1."""

    def register(make: Make) -> Make:
        def build(folder: Path) -> Truth:
            import tensorflow as tf

            v1 = tf.compat.v1
            graph = tf.Graph()
            if lowered:
                v1.disable_control_flow_v2()
            try:
                with graph.as_default():
                    specs = {key: (each.dtype, each.batch_shape) for key, each in feeds.items()}
                    inputs = {key: v1.placeholder(*spec, name=key) for key, spec in specs.items()}
                    outputs = {key: tf.identity(each, name=key) for key, each in make(inputs).items()}
            finally:
                v1.enable_control_flow_v2()
            (folder / "model.pb").write_bytes(_needed(graph, outputs))

            def truth(arrays: Arrays) -> Arrays:
                with v1.Session(graph=graph) as session:
                    fed = {inputs[key]: array for key, array in arrays.items()}
                    return dict(zip(outputs, session.run(list(outputs.values()), fed), strict=True))

            return truth

        add(name, feeds, build, tags=tags)
        return make

    return register


def _needed(graph: Any, outputs: Any) -> bytes:
    """A graph as people store it: with what its outputs need alone."""
    import tensorflow as tf

    definition: bytes = tf.compat.v1.graph_util.extract_sub_graph(
        graph.as_graph_def(), list(outputs)
    ).SerializeToString()
    return definition


@frozen("pb", {"image": real(8, 8, 3)})
def pb(inputs: Any) -> Any:
    import tensorflow as tf

    hidden = tf.nn.relu(tf.nn.conv2d(inputs["image"], weights(3, 3, 3, 16), 1, "SAME") + weights(16))
    return {"scores": tf.reshape(tf.nn.max_pool2d(hidden, 2, 2, "VALID"), [-1, 256]) @ weights(256, 4)}


def _controlled(inputs: Any) -> Any:
    import tensorflow as tf

    v1 = tf.compat.v1
    x, kernel = inputs["x"], tf.constant(weights(8, 8))
    looped = v1.while_loop(
        lambda at, _: at < 3, lambda at, value: (at + 1, tf.tanh(value @ kernel)), [tf.constant(0), x]
    )[1]
    return {"y": v1.cond(tf.reduce_max(x) > -99.0, lambda: looped + 1.0, lambda: looped - 1.0)}


frozen("pb_switches", {"x": real(8)}, lowered=True)(_controlled)
frozen("pb_control_flow", {"x": real(8)})(_controlled)


@frozen("pb_nan", {"x": real(8)}, tags="nan")
def pb_nan(inputs: Any) -> Any:
    import tensorflow as tf

    return {"y": tf.sqrt(inputs["x"] @ weights(8, 4))}
