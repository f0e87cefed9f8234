"""Watches the GPU on which a task times its variants, if it times them on one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from optfarm_tasks.benchmark.host.gpu import GpuWatch
from optfarm_tasks.benchmark.host.nvml import NoGpu
from optfarm_tasks.errors import WorkerLost
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec


@contextmanager
def watching(device: DeviceSpec, pids: Sequence[int]) -> Iterator[GpuWatch | None]:
    """The watch of a GPU, for as long as the block lasts; None for another device.

    Args:
        device: what the variants run on.
        pids: their processes; others on the GPU are strangers.

    Raises:
        WorkerLost: the GPU does not answer any more.
    """
    if device.kind is not DeviceKind.GPU or device.uuid is None:
        yield None
        return
    try:
        with GpuWatch(device.uuid, pids) as watch:
            yield watch
    except NoGpu as error:
        raise WorkerLost(f"the GPU cannot be watched: {error}") from error
