"""The shortest recipes that people type with Keras and its optimisation toolkit, for what they train."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from tests.zoo.entries import unlabelled
from tests.zoo.running import Cage

Outputs = list[np.ndarray[Any, Any]]


class NotTried(Exception):
    """The tool is not meant for models of this format, or leaves this one as it is."""


def loaded(cage: Cage) -> Any:
    """A Keras file as the newest Keras loads it, or else as tf_keras does."""
    import keras
    import tf_keras

    try:
        return keras.models.load_model(_file(cage), compile=False, safe_mode=False)
    except Exception:  # noqa: BLE001 (then the other may)
        return tf_keras.models.load_model(_file(cage), compile=False)


def keras_alone(cage: Cage, folder: Path) -> Outputs:
    """What the file computes, by Keras."""
    del folder
    given = [np.asarray(array) for array in cage.entry.arrays("test").values()]
    return list(unlabelled(loaded(cage)(given if len(given) > 1 else given[0], training=False)))


def _file(cage: Cage) -> Path:
    if cage.description.format not in (Format.KERAS, Format.H5):
        raise NotTried(f"it is {cage.description.format}")
    return formats.file_of(cage.model)


def _trained(wrap: Callable[[Any, Any], Any], callbacks: Callable[[Any], list[Any]] = lambda _: []) -> Any:
    """Wraps the layers of a model that tf_keras loads, has it learn its own outputs, and asks it."""

    def run(cage: Cage, folder: Path) -> Outputs:
        del folder
        import tensorflow_model_optimization as toolkit
        import tf_keras

        model = tf_keras.models.load_model(_file(cage), compile=False)
        samples = list(cage.entry.arrays("train").values())
        wrapped = wrap(toolkit, model)
        wrapped.compile("adam", "mse")
        wrapped.fit(samples, model.predict(samples, verbose=0), verbose=0, callbacks=callbacks(toolkit))
        return list(unlabelled(wrapped.predict(list(cage.entry.arrays("test").values()), verbose=0)))

    return run


def _clustered(toolkit: Any, model: Any) -> Any:
    start = toolkit.clustering.keras.CentroidInitialization.LINEAR
    return toolkit.clustering.keras.cluster_weights(model, number_of_clusters=16, cluster_centroids_init=start)


qat = _trained(lambda toolkit, model: toolkit.quantization.keras.quantize_model(model))
prune = _trained(
    lambda toolkit, model: toolkit.sparsity.keras.prune_low_magnitude(model),
    lambda toolkit: [toolkit.sparsity.keras.UpdatePruningStep()],
)
cluster = _trained(_clustered)
