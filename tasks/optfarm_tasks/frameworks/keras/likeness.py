"""Checks that a model rebuilt in tf_keras computes what the Keras 3 model does, and finds the layer that does not.

Some classes and activations have one name and two meanings in the libraries, as the hard_sigmoid of an LSTM.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import BadModel

_BATCH, _LENGTH, _SIDE = 2, 12, 64
"""Sizes that a model leaves open: the batch, one axis such as time, two or more such as an image's."""
_TOLERANCE = 1e-3
"""Of an output's largest value: more than the order of additions changes, in float16 too."""


def check_alike(model: Any, twin: Any, pairs: Sequence[tuple[Any, Any]]) -> None:
    """Passes when both give the same outputs for a few inputs drawn at random.

    Args:
        model: of Keras 3.
        twin: the same of tf_keras, with its weights.
        pairs: layers of both that stand for each other.

    Raises:
        BadModel: they differ; the first layer that does is named.
    """
    feeds = [_drawn(tensor, number) for number, tensor in enumerate(model.inputs)]
    try:
        expected = _outputs(model, feeds)
    except Exception:  # noqa: BLE001 (a model may want other sizes than those guessed here; nothing is known of it then)
        return
    if _agree(expected, _outputs(twin, feeds)):
        return
    culprit = next((given for given, made in pairs if not _alike_up_to(model, twin, given, made, feeds)), None)
    if culprit is None:
        raise BadModel("tf_keras computes this model otherwise than Keras 3, and no single layer shows where")
    raise BadModel(f"tf_keras computes the layer {culprit.name} ({type(culprit).__name__}) otherwise than Keras 3")


def _alike_up_to(model: Any, twin: Any, given: Any, made: Any, feeds: Sequence[NDArray[Any]]) -> bool:
    import keras
    import tf_keras

    try:
        ours, theirs = keras.Model(model.inputs, given.output), tf_keras.Model(twin.inputs, made.output)
    except (AttributeError, ValueError):
        return True  # called more than once, or within another model: it has no one output to compare
    return _agree(_outputs(ours, feeds), _outputs(theirs, feeds))


def _drawn(tensor: Any, seed: int) -> NDArray[Any]:
    opened = sum(size is None for size in tensor.shape[1:])
    size = _SIDE if opened > 1 else _LENGTH
    shape = [_BATCH if tensor.shape[0] is None else tensor.shape[0]]
    shape += [size if each is None else each for each in tensor.shape[1:]]
    rng = np.random.default_rng(seed)
    dtype = str(tensor.dtype)
    if dtype == "string":
        return np.full(shape, "", dtype=object)
    if not dtype.startswith(("float", "bfloat")):
        return rng.integers(0, 2, shape).astype(dtype)
    return rng.standard_normal(shape).astype("float32")


def _outputs(model: Any, feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    import tensorflow as tf

    tensors = [
        tf.cast(tf.convert_to_tensor(feed), tensor.dtype) for feed, tensor in zip(feeds, model.inputs, strict=True)
    ]
    struct = getattr(model, "_inputs_struct", getattr(model, "_nested_inputs", model.inputs))
    given = tf.nest.pack_sequence_as(struct, tensors)
    return [np.asarray(output) for output in tf.nest.flatten(model(given, training=False))]


def _agree(ours: Sequence[NDArray[Any]], theirs: Sequence[NDArray[Any]]) -> bool:
    return len(ours) == len(theirs) and all(map(_is_close, ours, theirs))


def _is_close(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    if ours.shape != theirs.shape:
        return False
    if ours.dtype.kind not in "fV":
        return bool(np.array_equal(ours, theirs))
    left, right = ours.astype(np.float64), theirs.astype(np.float64)
    largest = float(np.abs(left[np.isfinite(left)]).max(initial=0.0))
    return bool(np.allclose(left, right, rtol=0.0, atol=_TOLERANCE * largest, equal_nan=True))
