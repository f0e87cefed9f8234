"""Fixed work for the processors of a GPU, in the shape of a runtime: a product of two matrices in float32."""

from pathlib import Path
from typing import Any

from optfarm_tasks.canary import on_gpu
from optfarm_tasks.canary.on_gpu import GpuWork
from optfarm_tasks.schema.device import CPU, DeviceSpec

DEVICES, MODULES = on_gpu.DEVICES, on_gpu.MODULES
SIZE = 4096
"""Rows and columns: 137 GFLOP, which keeps every processor of a GPU busy for milliseconds."""


class Product(GpuWork):
    """C = A · B."""

    def __init__(self, device: DeviceSpec) -> None:
        super().__init__(device)
        import torch

        torch.manual_seed(0)
        torch.backends.cuda.matmul.fp32_precision = "ieee"
        self._left, self._right = (torch.randn(SIZE, SIZE, device=self.place) for _ in range(2))
        self._product = torch.empty_like(self._left)
        self._matmul = torch.matmul

    def work(self) -> Any:
        """Multiplies."""
        return self._matmul(self._left, self._right, out=self._product)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Product:  # noqa: ARG001 (the signature is a runtime's)
    """Draws the matrices; there is nothing to read."""
    return Product(device)
