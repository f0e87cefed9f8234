"""The weights that pruning and clustering work on: kernels of dense layers and convolutions, and what they look like.

Depthwise kernels, recurrent cells, biases and normalisation are left alone: they are few, and models break by them.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.keras.weights import leaves

_KERNELS = {
    "Conv1D": "kernel",
    "Conv2D": "kernel",
    "Conv2DTranspose": "kernel",
    "Conv3D": "kernel",
    "Dense": "kernel",
    "SeparableConv1D": "pointwise_kernel",
    "SeparableConv2D": "pointwise_kernel",
}
_QUANTISED = ("QuantizeWrapper", "QuantizeWrapperV2")

Kernels = Mapping[str, Any]
"""Layer name → the variable of its kernel."""


def kernels(model: Any, *, min_weights: int = 1) -> dict[str, Any]:
    """The kernels of a model and of the models within it that have at least so many weights."""
    return {name: kernel for name, kernel in _all(model) if int(np.prod(kernel.shape)) >= min_weights}


def chosen(model: Any, *, min_weights: int, user: str) -> dict[str, Any]:
    """As `kernels`, of which there must be one.

    Raises:
        NothingToDo: there is none; the message names the largest.
    """
    found = kernels(model, min_weights=min_weights)
    if found:
        return found
    sizes = {name: int(np.prod(kernel.shape)) for name, kernel in _all(model)}
    if not sizes:
        raise NothingToDo(f"{user} works on kernels of dense layers and convolutions; the model has none")
    largest = max(sizes, key=lambda name: (sizes[name], name))
    raise NothingToDo(
        f"no kernel has {min_weights} weights: the largest, of {largest}, has {sizes[largest]}; lower min_weights"
    )


def layer_class(layer: Any) -> str:
    """The class of a layer, or of the layer within a wrapper that emulates quantisation."""
    return type(layer.layer if type(layer).__name__ in _QUANTISED else layer).__name__


def sparsity(found: Kernels) -> dict[str, float]:
    """Layer → the fraction of its kernel's weights that are zero."""
    return {name: round(zeros(kernel.numpy()), 4) for name, kernel in found.items()}


def zeros(kernel: NDArray[Any]) -> float:
    """The fraction of weights that are zero."""
    return 1 - np.count_nonzero(kernel) / kernel.size


def distinct(found: Kernels) -> dict[str, int]:
    """Layer → the number of different weights in its kernel."""
    return {name: int(np.unique(kernel.numpy()).size) for name, kernel in found.items()}


def _all(model: Any) -> Iterator[tuple[str, Any]]:
    for layer in leaves(model):
        attribute = _KERNELS.get(layer_class(layer))
        kernel = next((each for each in layer.weights if _plain(each.name) == attribute), None)
        if kernel is not None:
            yield layer.layer.name if type(layer).__name__ in _QUANTISED else layer.name, kernel


def _plain(name: str) -> str:
    """kernel of dense_2/kernel:0."""
    return name.partition(":")[0].rpartition("/")[2]
