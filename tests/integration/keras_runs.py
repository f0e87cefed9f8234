"""Runs techniques on Keras models of the shapes that people have: python keras_runs.py FOLDER. A process of its own.

FOLDER/runs.json has, for each case, the NMSE against what is right, or the refusal.
"""

import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow"}

import keras  # noqa: TID253 (this script is a process of its own)
import numpy as np
import tensorflow as tf  # noqa: TID253 (as above)
import tf_keras  # noqa: TID253 (as above)
from numpy.typing import NDArray

from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.schema.recipe import Recipe

Samples = Mapping[str, NDArray[Any]]
Case = tuple[Any, str, Samples, NDArray[Any]]
"""A model, a recipe, samples, and the output `y` that is right."""
_DRAWN = np.random.default_rng(0)
FAR = {"x": _DRAWN.normal(100, 20, (256, 6)).astype(np.float32)}
"""Samples that a Normalization brings near 0."""


def adapted() -> Any:
    layer = keras.layers.Normalization(name="norm")
    layer.adapt(FAR["x"])
    return layer


def normalised() -> Case:
    """Keras 3 derives what a Normalization computes with when it loads, not when weights are set."""
    x = keras.Input((6,), name="x")
    model = keras.Model(x, keras.layers.Dense(2, name="y")(adapted()(x)))
    return model, "mixed-precision", FAR, np.asarray(model(FAR["x"]))


def normalised_within() -> Case:
    """The same in a model within the model, on the way through an .h5."""
    norm, within, x = adapted(), keras.Input((6,)), keras.Input((6,), name="x")
    hidden = keras.Model(within, norm(within), name="inner")(x)
    for name in ("first", "second", "third"):
        hidden = keras.layers.Dense(6, activation="tanh", name=name)(hidden)
    model = keras.Model(x, keras.layers.Dense(2, name="y")(hidden))
    kept = norm(FAR["x"])
    for name in ("first", "second", "y"):
        kept = model.get_layer(name)(kept)
    return model, "truncate", FAR, np.asarray(kept)


def shared() -> Case:
    """A layer whose second call gives ten times the range of its first."""
    layers = tf_keras.layers
    a, b, dense = tf_keras.Input((32,), name="a"), tf_keras.Input((32,), name="b"), layers.Dense(32, "relu")
    model = tf_keras.Model([a, b], layers.Dense(4, name="y")(layers.Concatenate()([dense(a), dense(b)])))
    samples = {name: _DRAWN.normal(0, width, (256, 32)).astype(np.float32) for name, width in (("a", 1), ("b", 10))}
    return model, "qat(epochs=1, learning_rate=0.000001)", samples, np.asarray(model(list(samples.values())))


def split() -> Case:
    """The toolkit makes two layers of the first, and would call one as the second is called in a fresh process."""
    tf_keras.backend.clear_session()
    x, layers = tf_keras.Input((8, 8, 4), name="x"), tf_keras.layers
    hidden = layers.Conv2D(8, 3, name="conv2d")(layers.SeparableConv2D(8, 3, activation="relu")(x))
    model = tf_keras.Model(x, layers.Dense(4, name="y")(layers.GlobalMaxPooling2D()(hidden)))
    samples = {"x": _DRAWN.normal(0, 1, (64, 8, 8, 4)).astype(np.float32)}
    return model, "qat(epochs=1, learning_rate=0.000001)", samples, np.asarray(model(samples["x"]))


def model_within() -> Case:
    """What the toolkit does not quantise."""
    block = tf_keras.Sequential([tf_keras.Input((6,)), tf_keras.layers.Dense(8)], name="block")
    x = tf_keras.Input((6,), name="x")
    return tf_keras.Model(x, tf_keras.layers.Dense(4, name="y")(block(x))), "qat(epochs=1)", FAR, np.zeros(())


def classes_alone() -> Case:
    """An argmax, by which nothing can be learnt."""
    x = tf_keras.Input((6,), name="x")
    best = tf_keras.layers.Lambda(lambda it: tf.argmax(it, -1), name="best")
    return tf_keras.Model(x, best(tf_keras.layers.Dense(4)(x))), "prune(epochs=1, min_weights=1)", FAR, np.zeros(())


def classes_and_scores() -> Case:
    """An argmax beside an output that can be learnt by; the step is too small to change anything."""
    x = tf_keras.Input((6,), name="x")
    y = tf_keras.layers.Dense(4, name="y")(x)
    best = tf_keras.layers.Lambda(lambda it: tf.argmax(it, -1), name="best")(y)
    model = tf_keras.Model(x, [y, best])
    recipe = "prune(epochs=1, min_weights=1, sparsity=0.01, learning_rate=0.000000001)"
    return model, recipe, FAR, np.asarray(model(FAR["x"])[0])


CASES: tuple[Callable[[], Case], ...] = (
    normalised, normalised_within, shared, split, model_within, classes_alone, classes_and_scores,
)  # fmt: skip


def outcome(case: Callable[[], Case], folder: Path) -> dict[str, Any]:
    """What came of one case."""
    model, recipe, samples, right = case()
    for each in ("model", "data", "out"):
        (folder / each).mkdir(parents=True)
    model.save(folder / "model" / ("m.keras" if isinstance(model, keras.Model) else "m.h5"))
    splits = {f"{split}/{name}": array for split in ("train", "calibration") for name, array in samples.items()}
    np.savez(folder / "data" / "data.npz", **splits)
    try:
        convert.chain(
            Recipe.parse(recipe),
            folder / "model",
            folder / "out",
            data=folder / "data",
            seed=0,
            on_progress=lambda _phase, _fraction: None,
        )
    except TaskError as error:
        return {"failure": [type(error).__name__, str(error)]}
    run = tf.saved_model.load(str(folder / "out")).signatures["serving_default"]
    seen = run(**{name: tf.constant(array) for name, array in samples.items()})["y"].numpy()
    return {"nmse": float(((seen - right) ** 2).mean() / right.var(0).mean())}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    keras.utils.set_random_seed(0)
    tf_keras.utils.set_random_seed(0)
    (target / "runs.json").write_text(
        json.dumps({case.__name__: outcome(case, target / case.__name__) for case in CASES})
    )
