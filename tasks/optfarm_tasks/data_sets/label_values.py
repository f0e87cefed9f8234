"""What the values of labels are, gathered piece by piece: the classes that they name, and whether they are one-hot."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class LabelValues:
    """Sums over the pieces of one array, in the order in which it is stored."""

    shape: tuple[int, ...]
    is_row_by_row: bool
    """Whether it is stored so (C order)."""
    least: int | None = None
    most: int | None = None
    _rows: int = 0
    _is_one_hot: bool = field(init=False)

    def __post_init__(self) -> None:
        """Only rows of more than one value can be one-hot."""
        self._is_one_hot = self.is_row_by_row and len(self.shape) > 1 and self.shape[-1] > 1

    def add(self, start: int, piece: NDArray[Any]) -> None:
        """Takes the values from place `start` on."""
        if piece.dtype.kind in "biu" and piece.size:
            low, high = int(piece.min()), int(piece.max())
            self.least = low if self.least is None else min(low, self.least)
            self.most = high if self.most is None else max(high, self.most)
        if self._is_one_hot:
            self._is_one_hot = piece.dtype.kind in "biuf" and self._holds(start, piece)

    @property
    def is_one_hot(self) -> bool:
        """Whether each row is a one among zeros."""
        return self._is_one_hot and self._rows * self.shape[-1] == np.prod(self.shape)

    def _holds(self, start: int, piece: NDArray[Any]) -> bool:
        ones = np.flatnonzero(piece)
        rows = (start + ones) // self.shape[-1]
        expected = np.arange(self._rows, self._rows + len(rows))
        self._rows += len(rows)
        return bool((piece[ones] == 1).all() and (rows == expected).all())
