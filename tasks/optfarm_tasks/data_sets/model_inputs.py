"""Checks, casts and quantises real-valued inputs for a loaded model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadData, BadParameter


def fitted(inputs: Mapping[str, NDArray[Any]], signature: Signature) -> dict[str, NDArray[Any]]:
    """Input name → contiguous array of the type and shape that the signature wants, from samples (N, …).

    Raises:
        BadData: an input is missing or of another shape.
        BadParameter: the model has a fixed batch, and this is another.
    """
    missing = [tensor.name for tensor in signature.inputs if tensor.name not in inputs]
    if missing:
        raise BadData(f"no array for the input {', '.join(missing)}; there are {', '.join(inputs) or 'none'}")
    arrays = {tensor.name: placed(inputs[tensor.name], tensor) for tensor in signature.inputs}
    for tensor in signature.inputs:
        _check(arrays[tensor.name], tensor)
    return {tensor.name: _cast(arrays[tensor.name], tensor) for tensor in signature.inputs}


def placed(samples: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """Samples (N, …) with N where an input has its batch; where it has none, one of them, or what is given as a whole.

    Raises:
        BadData: it has no batch, and the samples differ.
    """
    if tensor.axis is not None:
        moved: NDArray[Any] = np.moveaxis(samples, 0, tensor.axis) if tensor.axis else samples
        return moved
    if samples.ndim == len(tensor.shape or ()):
        return samples
    if len(samples) > 1 and not (samples == samples[:1]).all():
        raise BadData(
            f"the input {tensor} has no axis for samples, and those of one batch differ in it; use a batch size of 1, "
            f"or give it one value when the model is pushed (--constant {tensor.name}=VALUE)"
        )
    return np.asarray(samples[0])


def by_sample(output: NDArray[Any], tensor: Tensor) -> NDArray[Any]:
    """An output with its samples along the first axis."""
    moved: NDArray[Any] = np.moveaxis(output, tensor.axis or 0, 0) if output.ndim > (tensor.axis or 0) else output
    return moved


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
    if differing == [tensor.axis]:
        raise BadParameter(
            f"the input {tensor} has a fixed batch of {tensor.fixed_batch}, and the batch size is "
            f"{array.shape[differing[0]]}; "
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
