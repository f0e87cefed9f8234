"""Checks, casts and quantises real-valued inputs for a loaded model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadData, BadParameter


def fitted(inputs: Mapping[str, NDArray[Any]], signature: Signature) -> dict[str, NDArray[Any]]:
    """Input name → contiguous array of the type and shape that the signature wants.

    Raises:
        BadData: an input is missing or of another shape.
        BadParameter: the model has a fixed batch, and this is another.
    """
    missing = [tensor.name for tensor in signature.inputs if tensor.name not in inputs]
    if missing:
        raise BadData(f"no array for the input {', '.join(missing)}; there are {', '.join(inputs) or 'none'}")
    for tensor in signature.inputs:
        _check(inputs[tensor.name], tensor)
    return {tensor.name: _cast(inputs[tensor.name], tensor) for tensor in signature.inputs}


def dequantised(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """The real numbers that an output stands for."""
    if tensor.scale is None:
        return array
    return (array.astype(np.float32) - np.float32(tensor.zero_point or 0)) * np.float32(tensor.scale)


def _check(array: NDArray[Any], tensor: Tensor) -> None:
    if tensor.shape is None:
        return
    if array.ndim != len(tensor.shape):
        raise BadData(f"the input {tensor} gets an array of shape {list(array.shape)}")
    differing = [axis for axis, size in enumerate(tensor.shape) if size is not None and size != array.shape[axis]]
    if differing == [0]:
        raise BadParameter(
            f"the input {tensor} has a fixed batch of {tensor.shape[0]}, and the batch size is {array.shape[0]}; "
            f"use that batch size, or export the model with a batch that varies"
        )
    if differing:
        raise BadData(f"the input {tensor} gets an array of shape {list(array.shape)}")


def _cast(array: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    if tensor.dtype == "string":
        return np.asarray(array, dtype=object)
    dtype = np.dtype(tensor.dtype)
    if tensor.scale is not None:
        limits = np.iinfo(dtype)
        steps = np.rint(array / np.float64(tensor.scale)) + (tensor.zero_point or 0)
        array = np.clip(steps, limits.min, limits.max)
    return np.asarray(array, dtype=dtype, order="C")
