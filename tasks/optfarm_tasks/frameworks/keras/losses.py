"""Which loss fine-tuning goes by: the one that was asked for, or the one that labels and outputs call for."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import BadData, BadParameter

Name = Literal[
    "auto", "mse", "mae", "huber", "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy"
]
_SPARSE, _BINARY, _CATEGORICAL = "sparse_categorical_crossentropy", "binary_crossentropy", "categorical_crossentropy"
_TO_ONE = 1e-3


@dataclass(frozen=True)
class Loss:
    """A loss of tf_keras."""

    name: str
    from_logits: bool = False
    """Whether the outputs are not probabilities yet."""

    def built(self) -> Any:
        """The loss as tf_keras takes it."""
        import tf_keras

        losses = tf_keras.losses
        if self.name in (_SPARSE, _BINARY, _CATEGORICAL):
            kinds = {
                _SPARSE: losses.SparseCategoricalCrossentropy,
                _BINARY: losses.BinaryCrossentropy,
                _CATEGORICAL: losses.CategoricalCrossentropy,
            }
            return kinds[self.name](from_logits=self.from_logits)
        kinds = {"mse": losses.MeanSquaredError, "mae": losses.MeanAbsoluteError, "huber": losses.Huber}
        return kinds[self.name]()


def for_answers(asked: str) -> Loss:
    """The loss where a model's own outputs are the targets; `auto` is mse.

    Raises:
        BadParameter: the loss compares with classes.
    """
    if asked in (_SPARSE, _BINARY, _CATEGORICAL):
        raise BadParameter(f"{asked} takes labels, and the split has none; use mse, mae, huber or auto")
    return Loss("mse" if asked == "auto" else asked)


def for_labels(asked: str, labels: NDArray[Any], outputs: NDArray[Any]) -> Loss:
    """The loss for labels (N, …) of a model that gives such outputs (n, …).

    `auto` is cross entropy for whole numbers that name a class of the output's last axis, binary where that axis has
    one element and all labels are 0 or 1, and mse for numbers of the output's shape.

    Raises:
        BadData: labels of this shape and type do not fit the outputs.
    """
    name = _fitting(labels, outputs) if asked == "auto" else asked
    if not _fits(name, labels, outputs):
        raise BadData(
            f"labels of shape {list(labels.shape)} and type {labels.dtype} do not fit outputs of shape "
            f"{list(outputs.shape)} under {name}; give one class per sample, or numbers of the outputs' shape"
        )
    return Loss(name, from_logits=name in (_SPARSE, _BINARY, _CATEGORICAL) and not _is_probability(name, outputs))


def shaped(labels: NDArray[Any], outputs: NDArray[Any], loss: Loss) -> NDArray[Any]:
    """Labels in the shape that the loss compares."""
    if loss.name == _SPARSE:
        return labels.reshape(len(labels), *outputs.shape[1:-1]).astype(np.int64)
    return labels.reshape(len(labels), *outputs.shape[1:]).astype(np.float32)


def _fitting(labels: NDArray[Any], outputs: NDArray[Any]) -> str:
    is_whole = labels.dtype.kind in "iub"
    if is_whole and outputs.shape[-1] > 1 and _fits(_SPARSE, labels, outputs):
        return _SPARSE
    if is_whole and outputs.shape[-1] == 1 and set(np.unique(labels)) <= {0, 1}:
        return _BINARY
    return "mse"


def _fits(name: str, labels: NDArray[Any], outputs: NDArray[Any]) -> bool:
    wanted = outputs.shape[1:-1] if name == _SPARSE else outputs.shape[1:]
    if [size for size in labels.shape[1:] if size != 1] != [size for size in wanted if size != 1]:
        return False
    if name != _SPARSE:
        return labels.dtype.kind in "fiub"
    return labels.dtype.kind in "iu" and labels.min() >= 0 and labels.max() < outputs.shape[-1]


def _is_probability(name: str, outputs: NDArray[Any]) -> bool:
    lies_within = bool(((outputs >= 0) & (outputs <= 1)).all())
    return lies_within and (name == _BINARY or bool(np.allclose(outputs.sum(axis=-1), 1, atol=_TO_ONE)))
