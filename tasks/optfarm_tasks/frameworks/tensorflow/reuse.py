"""Estimates what one convolution would save by computing similar neuron vectors once (Ning and Shen, ICS '19).

Rows of the unfolded input (im2col) are cut into sub-vectors. Those of one place in the row that fall on the same side
of all random hyperplanes (locality-sensitive hashing) make a cluster, and only the cluster's mean is multiplied with
the kernel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


@dataclass
class Tally:
    """Sums over all samples of one convolution."""

    filters: int
    hash_bits: int
    vectors: int = 0
    clusters: int = 0
    macs: int = 0
    """Multiplications and additions without reuse."""
    squares: float = 0.0
    """Sum of the squared differences of outputs."""
    spread: float = 0.0
    """Sum of squares of the exact outputs around the mean of each filter."""

    @property
    def saved(self) -> float:
        """The fraction of multiplications saved, hashing paid for: 1 - clusters / vectors - hash bits / filters.

        Below zero where hashing costs more than it saves (section 3.2 of the paper).
        """
        return 1 - self.clusters / self.vectors - self.hash_bits / self.filters

    def add(self, rows: Matrix, kernel: Matrix, planes: Sequence[Matrix]) -> None:
        """Takes the unfolded input (R, K) of one sample, the kernel (K, M), and the hyperplanes of each sub-vector.

        Clusters are made within the sample, so that nothing hangs on which others come with it.
        """
        exact = rows @ kernel
        near = np.zeros_like(exact)
        start = 0
        for normals in planes:
            part = slice(start, start + len(normals))
            members, means = clustered(rows[:, part], normals)
            near += (means @ kernel[part])[members]
            self.clusters += len(means)
            start = part.stop
        self.vectors += len(rows) * len(planes)
        self.macs += rows.size * self.filters
        self.squares += float(((near - exact) ** 2).sum(dtype=np.float64))
        self.spread += float(((exact - exact.mean(axis=0)) ** 2).sum(dtype=np.float64))

    @property
    def notes(self) -> dict[str, Any]:
        """What a result says of this convolution."""
        return {
            "saved": round(self.saved, 4),
            "clusters_per_vector": round(self.clusters / self.vectors, 4),
            "nmse": round(self.squares / self.spread, 6) if self.spread else None,
        }


class Reuse:
    """The tallies of all convolutions; equal seeds draw equal hyperplanes."""

    def __init__(self, *, length: int, hash_bits: int, seed: int) -> None:
        """Takes the length of sub-vectors, and how many hyperplanes hash one."""
        self._length, self._hash_bits = length, hash_bits
        self._random = np.random.default_rng(seed)
        self._tallies: dict[str, Tally] = {}
        self._planes: dict[str, tuple[Matrix, ...]] = {}

    def add(self, name: str, rows: Matrix, kernel: Matrix) -> None:
        """Takes one sample of a convolution; see `Tally.add`."""
        if name not in self._tallies:
            self._tallies[name] = Tally(filters=kernel.shape[1], hash_bits=self._hash_bits)
            self._planes[name] = _planes(len(kernel), self._length, self._hash_bits, self._random)
        self._tallies[name].add(rows, kernel, self._planes[name])

    @property
    def saved(self) -> float:
        """The fraction saved of all multiplications, where every convolution that would lose is left as it is."""
        macs = sum(each.macs for each in self._tallies.values())
        return round(sum(max(0.0, each.saved) * each.macs for each in self._tallies.values()) / max(macs, 1), 4)

    @property
    def notes(self) -> dict[str, dict[str, Any]]:
        """Convolution → what a result says of it."""
        return {name: each.notes for name, each in self._tallies.items()}


def _planes(width: int, length: int, hash_bits: int, random: np.random.Generator) -> tuple[Matrix, ...]:
    """Random normals (L, H) for each sub-vector of rows of a width; the last one may be shorter."""
    lengths = [min(length, width - start) for start in range(0, width, length)]
    return tuple(random.standard_normal((each, hash_bits)).astype(np.float32) for each in lengths)


def clustered(vectors: Matrix, normals: Matrix) -> tuple[NDArray[np.intp], Matrix]:
    """The cluster (R,) of each of the vectors (R, L), and the mean (C, L) of each cluster."""
    sides = (vectors @ normals > 0).astype(np.int64)
    codes = sides @ (1 << np.arange(normals.shape[1], dtype=np.int64))
    found, members, counts = np.unique(codes, return_inverse=True, return_counts=True)
    order = np.argsort(members, kind="stable")
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp)
    sums = np.add.reduceat(vectors[order], starts, axis=0)
    return members.reshape(len(vectors)), (sums / counts.reshape(len(found), 1)).astype(np.float32)
