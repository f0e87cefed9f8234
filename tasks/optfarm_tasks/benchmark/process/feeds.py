"""Draws the pool of distinct inputs that timed requests rotate through."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadData

Arrays = dict[str, NDArray[Any]]

POOL_BYTES = 64 << 20
FEWEST, MOST = 2, 32
FREE_SIZE = 64
"""Stands in for a size that varies, the batch apart."""

_SMALL_INTEGERS = 10
"""Exclusive limit of random integers wider than a byte: they may be indices into a table of any length."""

_BYTE_LIMITS = {"uint8": 256, "int8": 128}


def from_data(samples: Mapping[str, NDArray[Any]], batch_size: int, *, seed: int) -> Iterator[Arrays]:
    """Endless batches drawn from arrays (N, …) that share their first axis; equal seeds draw equal samples."""
    random = np.random.default_rng(seed)
    count = min(len(array) for array in samples.values())
    while True:
        chosen = random.permutation(max(count, batch_size))[:batch_size] % count
        yield {name: np.ascontiguousarray(array[chosen]) for name, array in samples.items()}


def at_random(signature: Signature, batch_size: int, *, seed: int) -> Iterator[Arrays]:
    """Endless random batches of real values for a signature; equal seeds draw equal values.

    Raises:
        BadData: not even the rank of an input is known, so that only a data set can feed it.
    """
    random = np.random.default_rng(seed)
    while True:
        yield {tensor.name: _draw_batch(tensor, batch_size, random) for tensor in signature.inputs}


def pool_size(feed_bytes: int) -> int:
    """How many distinct feeds to keep: 2 to 32, within POOL_BYTES where that allows two."""
    return min(MOST, max(FEWEST, POOL_BYTES // max(feed_bytes, 1)))


def _draw_batch(tensor: Tensor, batch_size: int, random: np.random.Generator) -> NDArray[Any]:
    """Samples (N, …), all of them the same where the input has no axis for them."""
    if tensor.axis is not None:
        return _draw(tensor, batch_size, random)
    return np.repeat(_draw(tensor, 1, random), batch_size, axis=0)


def _draw(tensor: Tensor, batch_size: int, random: np.random.Generator) -> NDArray[Any]:
    shape = _concrete(tensor, batch_size)
    if tensor.dtype == "string":
        words = [f"{value:016x}" for value in random.integers(1 << 60, size=shape).ravel()]
        return np.array(words, dtype=object).reshape(shape)
    if tensor.scale is not None:
        return random.standard_normal(shape).astype(np.float32)
    dtype = np.dtype(tensor.dtype)
    if dtype.kind == "b":
        return random.integers(2, size=shape).astype(dtype)
    if dtype.kind in "iu":
        limit = _BYTE_LIMITS.get(tensor.dtype, _SMALL_INTEGERS)
        return random.integers(1, limit, size=shape).astype(dtype)
    return random.standard_normal(shape).astype(dtype)


def _concrete(tensor: Tensor, batch_size: int) -> tuple[int, ...]:
    if tensor.shape is None:
        raise BadData(f"the input {tensor} has an unknown rank; benchmark it with a data set")
    sample = tensor.sample_shape or ()
    return (batch_size, *(FREE_SIZE if size is None else size for size in sample))
