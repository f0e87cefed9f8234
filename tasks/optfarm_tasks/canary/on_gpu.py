"""The base of the GPU canary's fixed work, which PyTorch does: each run ends when the GPU is done."""

from abc import abstractmethod
from typing import Any

from optfarm_tasks.canary.work import FixedWork
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.frameworks.torch.on_gpu import place_of
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec

DEVICES = frozenset({DeviceKind.GPU})
MODULES = ("torch",)


class GpuWork(FixedWork):
    """A session whose work is handed to a GPU."""

    precision = "float32"

    def __init__(self, device: DeviceSpec) -> None:
        """Makes sure that PyTorch reaches the GPU.

        Raises:
            MissingToolchain, BadParameter: it does not.
        """
        require(MODULES, user="the canary of a GPU")
        import torch

        self.place = place_of(device)
        self._wait = torch.cuda.synchronize

    def run(self, feed: Any) -> Any:  # noqa: ARG002 (the signature is a session's)
        """Does the work and waits for it; takes no notice of the feed."""
        result = self.work()
        self._wait()
        return result

    @abstractmethod
    def work(self) -> Any:
        """Hands the work over."""
