"""Fixed work that needs the processor alone, in the shape of a runtime: a product of two matrices on one thread."""

from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks.canary.work import FixedWork
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

DEVICES = frozenset({DeviceKind.CPU})
MODULES = ("numpy",)
SIZE = 640
"""Rows and columns. One product takes some 10 ms, so whoever shares the core is met within it, and three arrays of
3 MB stay in the caches."""


class Product(FixedWork):
    """C = A · B in float64."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self._left, self._right = (random.standard_normal((SIZE, SIZE)) for _ in range(2))
        self._product = np.empty((SIZE, SIZE))

    def run(self, feed: Any) -> Any:  # noqa: ARG002 (the signature is a session's)
        """Multiplies; takes no notice of the feed."""
        return np.matmul(self._left, self._right, out=self._product)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Product:  # noqa: ARG001 (the signature is a runtime's)
    """Draws the matrices; there is nothing to read."""
    return Product()
