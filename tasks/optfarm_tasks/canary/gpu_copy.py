"""Fixed work for the memory of a GPU, in the shape of a runtime: a copy of a buffer that no cache holds."""

from pathlib import Path
from typing import Any

from optfarm_tasks.canary import on_gpu
from optfarm_tasks.canary.on_gpu import GpuWork
from optfarm_tasks.schema.device import CPU, DeviceSpec

DEVICES, MODULES = on_gpu.DEVICES, on_gpu.MODULES
BUFFER_BYTES = 512 << 20


class Copy(GpuWork):
    """Copies one buffer over another."""

    def __init__(self, device: DeviceSpec) -> None:
        super().__init__(device)
        import torch

        self._source = torch.ones(BUFFER_BYTES, dtype=torch.uint8, device=self.place)
        self._target = torch.empty_like(self._source)

    def work(self) -> Any:
        """Copies."""
        return self._target.copy_(self._source)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Copy:  # noqa: ARG001 (the signature is a runtime's)
    """Makes the buffers; there is nothing to read."""
    return Copy(device)
