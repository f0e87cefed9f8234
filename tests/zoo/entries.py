"""What a model of the zoo is: how it is built, what feeds it, and what it truly gives."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]
"""Input or output → array whose first axis counts the samples."""
Truth = Callable[[Arrays], Arrays]
"""What the model gives for inputs, by NumPy or by the framework that made it."""
Build = Callable[[Path], Truth]
"""Writes the model into an empty folder."""

COUNTS = {"calibration": 64, "train": 64, "test": 32}
"""Samples of each split."""


@dataclass(frozen=True)
class Feed:
    """What one input takes."""

    shape: tuple[int, ...]
    """Of a sample in the data."""
    dtype: str
    draw: Callable[[np.random.Generator, tuple[int, ...]], NDArray[Any]]
    declared: tuple[int | None, ...] | None = None
    """Of a sample as the model declares it, where that differs."""
    batch: int | None = None
    """The only batch that the model takes."""

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """As the model declares it."""
        return (self.batch, *(self.shape if self.declared is None else self.declared))


Feeds = Mapping[str, Feed]


@dataclass(frozen=True)
class Entry:
    """A model of the zoo."""

    name: str
    feeds: Feeds
    build: Build
    tags: frozenset[str] = field(default_factory=frozenset)
    """What has to be known of it: "keras_file", where it is loaded anew for every recipe; "nan", where outputs are not
    numbers; "tiny", where weights are few and exact; "rounded", where it computes in few bits; "recorded", where
    another Keras saved it."""

    def arrays(self, split: str) -> Arrays:
        """The samples of a split, the same each time."""
        rng = np.random.default_rng([len(split), *self.name.encode()])
        return {name: feed.draw(rng, (COUNTS[split], *feed.shape)) for name, feed in self.feeds.items()}


ENTRIES: dict[str, Entry] = {}


def add(name: str, feeds: Feeds, build: Build, *, tags: str = "") -> None:
    """Registers a model."""
    if name in ENTRIES:
        raise ValueError(f"two models of the zoo are named {name}")
    ENTRIES[name] = Entry(name, feeds, build, frozenset(tags.split()))


def real(
    *shape: int, declared: tuple[int | None, ...] | None = None, batch: int | None = None, dtype: str = "float32"
) -> Feed:
    """Normal numbers."""
    return Feed(shape, dtype, lambda rng, size: rng.normal(0, 1, size).astype(dtype), declared, batch)


def pixels(*shape: int, dtype: str = "float32", batch: int | None = None) -> Feed:
    """Numbers from 0 to 255."""
    return Feed(shape, dtype, lambda rng, size: rng.integers(0, 256, size).astype(dtype), None, batch)


def whole(*shape: int, below: int = 9, dtype: str = "int32", declared: tuple[int | None, ...] | None = None) -> Feed:
    """Whole numbers from 0."""
    return Feed(shape, dtype, lambda rng, size: rng.integers(0, below, size).astype(dtype), declared)


def words(*shape: int, of: tuple[str, ...] = ("red", "green", "blue", "grey")) -> Feed:
    """Words."""
    return Feed(shape, "string", lambda rng, size: rng.choice(np.array(of), size))


def unlabelled(outputs: Any) -> Iterator[Any]:
    """The arrays of outputs in whatever structure."""
    if isinstance(outputs, Mapping):
        outputs = [outputs[key] for key in sorted(outputs)]
    for each in outputs if isinstance(outputs, list | tuple) else [outputs]:
        yield np.asarray(each)
