"""Copies weights from one Keras layer or model to another, and walks the layers within models."""

from collections.abc import Iterator
from typing import Any


def leaves(model: Any) -> Iterator[Any]:
    """The layers of a model and of the models within it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def copy_weights(given: Any, made: Any) -> None:
    """Gives a layer or a model the weights of another with the same ones, in the same order.

    Raises:
        ValueError: their number or shapes differ.
    """
    if made.weights:
        made.set_weights(given.get_weights())
    finalise(made)


def finalise(made: Any) -> None:
    """Has layers that compute with something derived from their weights (Normalization) derive it anew.

    Neither Keras does so when weights are set, nor Keras 3 when it reads an .h5 with a model within the model.
    """
    for layer in leaves(made) if hasattr(made, "layers") else (made,):
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
