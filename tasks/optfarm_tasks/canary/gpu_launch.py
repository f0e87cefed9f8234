"""Fixed work for the way to a GPU and back, in the shape of a runtime: a kernel with next to nothing to do."""

from pathlib import Path
from typing import Any

from optfarm_tasks.canary import on_gpu
from optfarm_tasks.canary.on_gpu import GpuWork
from optfarm_tasks.schema.device import CPU, DeviceSpec

DEVICES, MODULES = on_gpu.DEVICES, on_gpu.MODULES


class Launch(GpuWork):
    """Adds to one number."""

    def __init__(self, device: DeviceSpec) -> None:
        super().__init__(device)
        import torch

        self._number = torch.zeros(1, device=self.place)

    def work(self) -> Any:
        """Adds."""
        return self._number.add_(1)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Launch:  # noqa: ARG001 (the signature is a runtime's)
    """Makes the number; there is nothing to read."""
    return Launch(device)
