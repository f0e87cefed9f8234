"""Activations of Keras 3 that tf_keras lacks, or gives another meaning: made of operations after the layer.

A function of our own would not do: whoever reads the written model elsewhere does not have it.
"""

from collections.abc import Callable, Mapping
from typing import Any


def _hard_sigmoid(x: Any) -> Any:
    import tensorflow as tf

    return tf.nn.relu6(x + 3.0) / 6.0


def _hard_silu(x: Any) -> Any:
    return x * _hard_sigmoid(x)


_FUNCTIONS: Mapping[str, Callable[[Any], Any]] = {"hard_sigmoid": _hard_sigmoid, "hard_silu": _hard_silu}


def own_activation(layer: Any) -> Callable[[Any], Any] | None:
    """What comes after the layer of tf_keras, which is linear then; None where tf_keras has the activation itself.

    A recurrent layer computes its activations in each step, so nothing can stand for them after it.
    """
    if hasattr(layer, "cell"):
        return None
    return _FUNCTIONS.get(getattr(getattr(layer, "activation", None), "__name__", ""))
