"""Resizes the images of a data set for a model that takes them in another size."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets import data
from optfarm_tasks.description import Signature, Split, Tensor

Size = tuple[int, int]
"""Height and width in pixels."""
_SAMPLE_RANK = 3


@dataclass(frozen=True)
class Fit:
    """Which array feeds which input, and the size that its images get on the way."""

    names: dict[str, str]
    """Model input → array."""
    sizes: dict[str, Size]
    """Model input → the size it takes, where the data has another."""
    warnings: tuple[str, ...]

    def feed(self, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """Arrays by name, first axis the samples → arrays by model input."""
        return {name: self._sized(name, arrays[array]) for name, array in self.names.items()}

    def _sized(self, name: str, array: NDArray[Any]) -> NDArray[Any]:
        return resized(array, self.sizes[name]) if name in self.sizes else array


def fit(signature: Signature, split: Split) -> Fit:
    """As `data.fit`, but an input of images takes images of any height and width.

    Raises:
        BadData: it does not fit in anything but the size of images.
    """
    alone = len(signature.inputs) == len(split.inputs) == 1
    inputs = {split.inputs[0].name if alone else each.name: each for each in signature.inputs}
    arrays = {array.name: array for array in split.inputs}
    sizes = {name: size for name, array in arrays.items() if (size := _size(inputs.get(name), array)) is not None}
    taken = tuple(_of_size(array, sizes.get(array.name)) for array in split.inputs)
    names = data.fit(signature, split.model_copy(update={"inputs": taken}))
    needed = {name: sizes[array] for name, array in names.items() if array in sizes}
    warnings = tuple(_warnings(needed, {name: arrays[array] for name, array in names.items()}))
    return Fit(names, needed, warnings)


def resized(images: NDArray[Any], size: Size) -> NDArray[Any]:
    """Images (N, H, W, C) in another size, of the type they had.

    Bilinear between the centres of pixels, as tf.image.resize does it without antialias; integers are rounded.
    """
    between = _between(_between(images.astype(np.float32), size[0], axis=1), size[1], axis=2)
    if images.dtype.kind in "iu":
        between = np.rint(between)
    return between.astype(images.dtype)


def _between(array: NDArray[np.float32], count: int, *, axis: int) -> NDArray[np.float32]:
    last = array.shape[axis] - 1
    centres = np.clip((np.arange(count) + 0.5) * (last + 1) / count - 0.5, 0, last)
    below = np.floor(centres).astype(np.intp)
    shape = [1] * array.ndim
    shape[axis] = count
    share = (centres - below).astype(np.float32).reshape(shape)
    low, high = array.take(below, axis), array.take(np.minimum(below + 1, last), axis)
    return np.asarray(low * (1 - share) + high * share)


def _size(wanted: Tensor | None, given: Tensor) -> Size | None:
    """The size that an input takes, if the data's is another and both are images."""
    if wanted is None or wanted.shape is None or given.shape is None or wanted.dtype == "string":
        return None
    sample = wanted.sample_shape or ()
    if not len(sample) == len(given.shape) == _SAMPLE_RANK or sample[2] not in (None, given.shape[2]):
        return None
    height, width = (old if new is None else new for new, old in zip(sample[:2], given.shape[:2], strict=True))
    return None if height is None or width is None or (height, width) == given.shape[:2] else (height, width)


def _of_size(array: Tensor, size: Size | None) -> Tensor:
    if size is None or array.shape is None:
        return array
    return array.model_copy(update={"shape": (*size, *array.shape[2:])})


def _warnings(sizes: Mapping[str, Size], arrays: Mapping[str, Tensor]) -> Iterator[str]:
    for name, (height, width) in sizes.items():
        rows, columns, *_ = arrays[name].shape or ()
        yield f"{name} takes images of {height} x {width}; those of the data, {rows} x {columns}, are resized to it"
