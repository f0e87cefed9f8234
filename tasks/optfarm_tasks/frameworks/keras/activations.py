"""Activations of Keras 3 that tf_keras does not have, or has with another meaning."""

import functools
from typing import Any

_NAMES = {"hard_sigmoid": "hard_sigmoid", "hard_silu": "hard_silu", "hard_swish": "hard_silu", "celu": "celu"}
"""Name in Keras 3 → the function below."""


def activation(name: Any) -> Any:
    """What tf_keras calls the activation that Keras 3 calls so; anything but a name stays as it is."""
    if not isinstance(name, str) or name not in _NAMES:
        return name
    _register()
    return f"optfarm>{_NAMES[name]}"


@functools.cache
def _register() -> None:
    """Makes the functions known to tf_keras, once, so that a model with them can be copied by its settings."""
    import tensorflow as tf
    import tf_keras

    def hard_sigmoid(x: Any) -> Any:
        return tf.nn.relu6(x + 3.0) / 6.0

    def hard_silu(x: Any) -> Any:
        return x * hard_sigmoid(x)

    def celu(x: Any) -> Any:
        return tf.nn.elu(x)

    for function in (hard_sigmoid, hard_silu, celu):
        tf_keras.utils.register_keras_serializable("optfarm")(function)
