"""Runs the graph techniques on graphs that are hard to take: python graph_runs.py FOLDER.

It is a process of its own, so that tests need not import TensorFlow. FOLDER/runs.json has, for each pair of model and
recipe, what came of it: signatures, the largest difference to the original, ops, notes and warnings, or a failure.
"""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
sys.path.append(str(Path(__file__).parents[1]))

import frozen_graphs
import numpy as np
import tensorflow as tf  # noqa: TID253 (this script is a process of its own, made to import it)
import tf_keras  # noqa: TID253 (as above)

from optfarm_tasks import formats, registry
from optfarm_tasks.actions import convert
from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import TaskError
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.technique import Done

RECIPES = (
    "freeze",
    "freeze-pb",
    "grappler",
    "grappler(remap=true)",
    "fold-batch-norms",
    "quantize-weights(min_elements=64)",
    "quantize-weights(min_elements=64, dtype=float16)",
    "xla",
    "amp",
    "amp(dtype=float16)",
    "freeze-pb -> freeze",
    "grappler -> xla",
    "tflite-float32",
    "fold-batch-norms -> tflite-float32",
)
FURTHER = {
    "recurrent": ("onnx", "fixed-batch(batch=2) -> tflite-float32", "fixed-batch(batch=2) -> onnx"),
    "functional_loop": ("onnx",),
    "count": ("openvino",),
}
"""What converters make of loops and state, model by model."""
Outputs = dict[str, Any]
Run = dict[str, Any]


class TwoWays(tf.Module):
    """Two signatures that share a variable; the inputs are not in the order of their names."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = tf.Variable(np.random.default_rng(0).normal(0, 0.2, (40, 40)).astype(np.float32))

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 40], tf.float32, name="zoom"),
            tf.TensorSpec([None, 1], tf.float32, name="angle"),
        ]
    )
    def both(self, zoom: Any, angle: Any) -> Outputs:
        return {"y": tf.nn.relu(zoom @ self.weight) - angle, "angle": angle}

    @tf.function(input_signature=[tf.TensorSpec([None, 40], tf.float32, name="x")])
    def one(self, x: Any) -> Outputs:
        return {"y": tf.tanh(x @ self.weight)}


class Words(tf.Module):
    """Takes strings."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def low(self, words: Any) -> Outputs:
        return {"low": tf.strings.lower(words)}


class Counting(tf.Module):
    """Changes a variable at each call."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def count(self, x: Any) -> Outputs:
        return {"y": x + self.calls.assign_add(1.0)}


class Looking(tf.Module):
    """Looks words up in a table."""

    def __init__(self) -> None:
        super().__init__()
        pairs = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
        self.table = tf.lookup.StaticHashTable(pairs, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="words")])
    def look(self, words: Any) -> Outputs:
        return {"number": self.table.lookup(words)}


class Rows(tf.Module):
    """Adds a number per row before a batch norm of as many channels."""

    def __init__(self) -> None:
        super().__init__()
        drawn = np.random.default_rng(0)
        shapes = {"kernel": (1, 1, 3, 12), "rows": (12, 1, 1), "scale": (12,), "mean": (12,)}
        self.parts = {name: drawn.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
        self.variance = drawn.uniform(0.5, 2, 12).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec([None, 12, 12, 3], tf.float32, name="x")])
    def rows(self, x: Any) -> Outputs:
        scale, mean = self.parts["scale"], self.parts["mean"]
        y = tf.nn.conv2d(x, self.parts["kernel"], 1, "VALID") + self.parts["rows"]
        norm = tf.compat.v1.nn.fused_batch_norm
        return {"y": norm(y, scale, mean, mean, self.variance, is_training=False)[0]}


def normed() -> Any:
    """A trained network with batch norms, one of which comes before its convolution."""
    layers = tf_keras.layers
    model = tf_keras.Sequential(
        [
            layers.InputLayer((8, 8, 3), name="image"),
            layers.Conv2D(16, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.DepthwiseConv2D(3, depth_multiplier=2),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.BatchNormalization(),
            layers.Conv2D(8, 1),
            layers.Flatten(),
            layers.Dense(4, name="scores"),
        ]
    )
    model.compile("adam", "mse")
    random = np.random.default_rng(1)
    model.fit(random.normal(3, 2, (64, 8, 8, 3)), random.random((64, 4)), verbose=0, epochs=2)
    return model


def recurrent() -> Any:
    """A loop whose body has weights."""
    layers = tf_keras.layers
    return tf_keras.Sequential([layers.InputLayer((5, 6), name="steps"), layers.LSTM(16), layers.Dense(2, name="y")])


def write_models(folder: Path) -> dict[str, Path]:
    """All of them, by name."""
    tf_keras.utils.set_random_seed(3)
    places = {}
    two = TwoWays()
    tf.saved_model.save(two, folder / "two_ways", signatures={"serving_default": two.both, "features": two.one})
    for module, name in ((Words(), "low"), (Counting(), "count"), (Looking(), "look"), (Rows(), "rows")):
        tf.saved_model.save(module, folder / name, signatures=getattr(module, name))
    normed().export(str(folder / "normed"))
    recurrent().export(str(folder / "recurrent"))
    for name in ("two_ways", "low", "count", "look", "rows", "normed", "recurrent"):
        places[name] = folder / name
    (folder / "graphs").mkdir()
    frozen_graphs.main(folder / "graphs")
    for each in frozen_graphs.GRAPHS:
        places[each.__name__] = folder / each.__name__
        places[each.__name__].mkdir()
        (folder / "graphs" / f"{each.__name__}.pb").rename(places[each.__name__] / "graph.pb")
    return places


def outcome(model: Path, recipe: str, folder: Path) -> Run:
    """What came of a recipe on a model."""
    folder.mkdir()
    try:
        done = convert.chain(Recipe.parse(recipe), model, folder, data=None, seed=1, on_progress=lambda *_: None)
        return came_of(model, folder, done)
    except TaskError as error:
        return {"failure": [type(error).__name__, str(error)]}


def came_of(model: Path, artifact: Path, done: dict[str, Done]) -> Run:
    """Facts of an artifact."""
    description = formats.describe(artifact)
    sides = {each.name: (each.inputs, each.outputs) for each in description.signatures}
    return {
        "format": description.format,
        "signatures": {name: [[t.name for t in side] for side in both] for name, both in sides.items()},
        "difference": difference(model, artifact),
        "ops": description.ops,
        "size_bytes": description.size_bytes,
        "notes": [each.notes for each in done.values()],
        "warnings": [warning for each in done.values() for warning in each.warnings],
    }


def difference(model: Path, artifact: Path) -> float:
    """The largest difference of any output of the main signature; infinite where strings or names differ."""
    mine, theirs = outputs(artifact), outputs(model)
    if set(mine) != set(theirs):
        return float("inf")
    return max(gap(mine[name], theirs[name]) for name in mine)


def gap(mine: Any, theirs: Any) -> float:
    """The largest difference of two arrays, over the largest number among them."""
    if mine.dtype == object:
        return 0.0 if (mine == theirs).all() else float("inf")
    scale = max(1e-6, float(np.abs(theirs.astype(np.float64)).max()))
    return float(np.abs(mine.astype(np.float64) - theirs.astype(np.float64)).max()) / scale


def outputs(model: Path) -> dict[str, Any]:
    """What a model gives for the same random inputs, in its own runtime."""
    session = registry.runtime(registry.runtime_for(formats.detect(model))).load(model, threads=0)
    return session.outputs(session.run(session.feed(inputs_of(session.signature))))


def inputs_of(signature: Signature) -> dict[str, Any]:
    """Random numbers, or words, for a batch of two."""
    return {each.name: array_of(each) for each in signature.inputs}


def array_of(tensor: Tensor) -> Any:
    """One input."""
    shape = [2 if size is None else size for size in tensor.shape or ()]
    if tensor.dtype == "string":
        return np.array(["a", "Zebra"], dtype=object)
    return np.random.default_rng(len(tensor.name)).normal(0, 1, shape).astype(tensor.dtype)


def runs(folder: Path) -> Iterator[tuple[str, Run]]:
    """Every recipe on every model."""
    places = write_models(folder)
    for name, place in places.items():
        for index, recipe in enumerate((*RECIPES, *FURTHER.get(name, ()))):
            yield f"{name}: {recipe}", outcome(place, recipe, folder / f"{name}-{index}")


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(dict(runs(target))))
