"""Counts right and wrong classifications by class, for precision and recall."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Confusion:
    """How often each class is wanted, given, and both.

    Means over classes are those of scikit-learn (precision_score, recall_score, average="macro", zero_division=0): over
    the classes that are wanted or given at all; a class that is never given has a precision of 0, and one that is
    never wanted a recall of 0.
    """

    def __init__(self, classes: int) -> None:
        """Nothing seen yet."""
        self._wanted, self._given, self._both = (np.zeros(classes, np.int64) for _ in range(3))

    def add(self, wanted: Array, given: Array) -> None:
        """Takes classes (N,)."""
        size = self._wanted.size
        self._wanted += np.bincount(wanted, minlength=size)
        self._given += np.bincount(given, minlength=size)
        self._both += np.bincount(wanted[wanted == given], minlength=size)

    @property
    def precision(self) -> float:
        """The mean over classes of: right among those given."""
        return self._mean_of(self._given)

    @property
    def recall(self) -> float:
        """The mean over classes of: right among those wanted."""
        return self._mean_of(self._wanted)

    def _mean_of(self, whole: Array) -> float:
        is_seen = (self._wanted > 0) | (self._given > 0)
        return float((self._both[is_seen] / np.maximum(whole[is_seen], 1)).mean())
