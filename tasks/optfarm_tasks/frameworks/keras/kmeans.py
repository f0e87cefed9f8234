"""K-means in one dimension, without a seed: the few values that weights may be rounded to at the least error.

TensorFlow's toolkit compares every weight with every centroid, which takes as many copies of the kernel as there are
centroids. In one dimension clusters are intervals: after one sort, a step of Lloyd's algorithm is a search per border.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_STEPS = 60
_BINS = 4096
_PIECE = 1 << 20
"""Weights looked at together, so that indices of 8 bytes never stand for a whole kernel."""


def centroids_of(weights: Floats, count: int, *, keeps_zero: bool) -> NDArray[np.float32]:
    """At most so many values, ascending, that weights may be rounded to with the least squared error found.

    Args:
        weights: of any shape, finite.
        count: at least 3.
        keeps_zero: whether one of the values is zero, which the zeros of a pruned kernel alone are given.
    """
    flat = np.sort(weights, axis=None).astype(np.float32)
    if not keeps_zero:
        return _lloyd(flat, count)
    below, above = flat[flat < 0], flat[flat > 0]
    # Each sign has a value, so that no weight but a pruned one is rounded to zero.
    lower = round((count - 1) * below.size / max(1, below.size + above.size))
    lower = min(max(lower, int(below.size > 0)), count - 1 - int(above.size > 0))
    found = [_lloyd(part, share) for part, share in ((below, lower), (above, count - 1 - lower)) if part.size]
    return np.unique(np.concatenate([*found, np.zeros(1, np.float32)]))


def assigned(weights: Floats, centroids: NDArray[np.float32]) -> NDArray[np.uint16]:
    """The index of each weight's centroid, in the weights' shape; zero weights get zero where it is a centroid."""
    flat, borders = weights.reshape(-1), (centroids[1:] + centroids[:-1]) / 2
    indices = np.empty(flat.size, np.uint16)
    zero = np.flatnonzero(centroids == 0)
    for start in range(0, flat.size, _PIECE):
        piece = flat[start : start + _PIECE]
        found = np.searchsorted(borders, piece)
        if zero.size:
            found = np.where(piece == 0, zero[0], _away_from(found, piece, centroids, zero=int(zero[0])))
        indices[start : start + _PIECE] = found
    return indices.reshape(weights.shape)


def means(weights: Floats, indices: NDArray[np.uint16], count: int) -> NDArray[np.float32]:
    """The mean of the weights of each index; 0 where it has none."""
    sums, counts = np.zeros(count), np.zeros(count, np.int64)
    flat, places = weights.reshape(-1), indices.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        part = slice(start, start + _PIECE)
        sums += np.bincount(places[part], weights=flat[part], minlength=count)
        counts += np.bincount(places[part], minlength=count)
    return (sums / np.maximum(counts, 1)).astype(np.float32)


def _away_from(
    found: NDArray[np.intp], piece: Floats, centroids: NDArray[np.float32], *, zero: int
) -> NDArray[np.intp]:
    """Weights that were not pruned go to the nearest centroid of their sign, if there is one: zeros stay the pruned."""
    below, above = max(zero - 1, 0), min(zero + 1, len(centroids) - 1)
    return np.where(found == zero, np.where(piece < 0, below, above), found)


def _lloyd(ordered: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    sums = np.concatenate([[0.0], np.cumsum(ordered, dtype=np.float64)])
    centroids = _spread(ordered, count)
    for _ in range(_STEPS):
        borders = np.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2)
        edges = np.concatenate([[0], borders, [ordered.size]])
        sizes = np.diff(edges)
        moved = np.where(sizes > 0, np.diff(sums[edges]) / np.maximum(sizes, 1), centroids)
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return np.unique(centroids.astype(np.float32))


def _spread(ordered: NDArray[np.float32], count: int) -> NDArray[np.float64]:
    """Where centroids begin: as dense as the cube root of the weights' density (Panter and Dite, 1951)."""
    if ordered[0] == ordered[-1]:
        return ordered[:1].astype(np.float64)
    heights, edges = np.histogram(ordered.astype(np.float64), bins=_BINS)  # float32 has no bins between tiny numbers
    density = np.cumsum(np.cbrt(heights))
    wanted = (np.arange(count) + 0.5) / count * density[-1]
    return np.unique(np.interp(wanted, density, edges[1:]))
