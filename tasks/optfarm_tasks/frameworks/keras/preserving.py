"""Preserves what earlier steps gave a kernel, its zeros or its few values, while the model learns on.

After each step the kernel is put back to the nearest one that has it: zeros are zero again, and weights that share a
value are all given their mean. So the values go on learning, each by the mean of its weights' gradients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.frameworks.keras import kmeans
from optfarm_tasks.frameworks.keras.kernels import Kernels

MOST_VALUES = 1024
"""A kernel of more values is not one that was clustered."""

_Floats = NDArray[np.floating[Any]]


class Kept(Protocol):
    """What a kernel has to keep."""

    def restored(self, kernel: _Floats) -> _Floats:
        """The nearest kernel that has it."""
        ...


@dataclass(frozen=True)
class Zeros:
    """Weights that stay zero."""

    mask: NDArray[np.bool_]

    def restored(self, kernel: _Floats) -> _Floats:
        """The kernel with its zeros."""
        return np.where(self.mask, kernel, np.zeros((), kernel.dtype))


@dataclass(frozen=True)
class Values:
    """Weights that share values; those that share zero stay zero."""

    indices: NDArray[np.uint16]
    count: int
    zero: int | None

    def restored(self, kernel: _Floats) -> _Floats:
        """The kernel with the mean of each group of weights."""
        values = kmeans.means(kernel, self.indices, self.count)
        if self.zero is not None:
            values[self.zero] = 0
        return values[self.indices]


def zeros_of(kernels: Kernels) -> dict[str, Kept]:
    """What keeps the zeros of kernels that have some."""
    found = {name: kernel.numpy() != 0 for name, kernel in kernels.items()}
    return {name: Zeros(mask) for name, mask in found.items() if not mask.all()}


def values_of(kernels: Kernels) -> dict[str, Kept]:
    """What keeps the values of kernels that have few."""
    found = {name: _values(kernel.numpy()) for name, kernel in kernels.items()}
    return {name: kept for name, kept in found.items() if kept is not None}


def keeper(kernels: Kernels, kept: Mapping[str, Kept]) -> Any:
    """A callback of tf_keras that restores kernels after each step."""
    import tf_keras

    class Keeper(tf_keras.callbacks.Callback):  # type: ignore[misc]  # tf_keras has no types
        """Restores what is kept."""

        def on_train_batch_end(self, _batch: int, _logs: Any = None) -> None:
            for name, each in kept.items():
                kernels[name].assign(each.restored(kernels[name].numpy()))

    return Keeper()


def _values(kernel: _Floats) -> Values | None:
    values = np.unique(kernel)
    if values.size > min(MOST_VALUES, kernel.size // 2):
        return None
    zero = np.flatnonzero(values == 0)
    indices = kmeans.assigned(kernel, values.astype(np.float32))
    return Values(indices, values.size, zero=int(zero[0]) if zero.size else None)
