"""What engines are built and calibrated with, by the arguments of TensorFlow's functions."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets.calibration import Calibration
from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadModel

Feed = dict[str, NDArray[Any]]


def of_calibration(samples: Calibration, arguments: Mapping[str, str]) -> Iterator[Feed]:
    """The batches that ranges of activations are watched on, all of one shape."""
    for feed in samples.feeds():
        yield {arguments[name]: array for name, array in feed.items()}


def blank(signature: Signature, arguments: Mapping[str, str], batch: int) -> Feed:
    """A request of zeros: an engine is built for shapes, whatever the numbers.

    Raises:
        BadModel: a size beside the batch varies, so that nothing says for which an engine is to be built.
    """
    return {arguments[each.name]: _zeros(each, batch) for each in signature.inputs}


def _zeros(tensor: Tensor, batch: int) -> NDArray[Any]:
    sizes = () if tensor.shape is None else tuple(size for size in tensor.shape if size is not None)
    if tensor.shape is None or len(sizes) < len(tensor.shape):
        raise BadModel(
            f"engines are built for known sizes, and those of {tensor} vary; fix them (resize-input), or have each "
            f"engine built by its first request (build=first-request)"
        )
    asked = tuple(batch if axis == tensor.axis else size for axis, size in enumerate(sizes))
    return np.full(asked, b"", object) if tensor.dtype == "string" else np.zeros(asked, tensor.dtype)
