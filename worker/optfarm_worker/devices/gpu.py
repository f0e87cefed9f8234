"""NVIDIA GPUs: each a device of its own, and of one that is divided (MIG), each instance."""

import os

from optfarm_tasks.benchmark.host import nvml
from optfarm_tasks.benchmark.host.nvml import Gpu, NoGpu
from optfarm_tasks.schema.waiting import Holder
from optfarm_worker.devices import cpu
from optfarm_worker.errors import NoDevice
from optfarm_worker.lock_holders import name_of

_FIRST_SEEN: dict[str, str] = {}
"""Device → the UUID under which this process met it."""


def names() -> tuple[str, ...]:
    """gpu:0, gpu:1, … in the order of the PCI bus; the instances of a divided one are gpu:0-0, gpu:0-1, …"""
    return tuple(map(_name, _gpus()))


def absence(name: str) -> str:
    """What the driver says of a GPU that is not there."""
    index = name.removeprefix("gpu:").partition("-")[0]
    try:
        nvml.ask(int(index) if index.isdecimal() else 0)
    except NoGpu as error:
        return str(error)
    return ""


def canonical(name: str) -> str:
    """The name of a GPU or an instance that is meant by its UUID, as gpu:GPU-…, gpu:MIG-…; any other as it is."""
    meant = name.removeprefix("gpu:")
    return next((_name(gpu) for gpu in _gpus() if gpu.uuid == meant), name)


def attributes(name: str) -> dict[str, str | int | float]:
    """What the GPU is, beside the processor that feeds it; what the driver does not tell is left out."""
    gpu = _named(name)
    told: dict[str, str | int | float | None] = {
        "gpu_name": gpu.name,
        "gpu_uuid": gpu.uuid,
        "gpu_memory_bytes": gpu.memory_bytes,
        "compute_capability": gpu.compute_capability,
        "driver": gpu.driver,
        "cuda": gpu.cuda,
        "ecc": None if gpu.has_ecc is None else ("on" if gpu.has_ecc else "off"),
        "mig": "off" if gpu.instance is None else "on",
        "power_limit_w": gpu.power_limit_w,
        "pcie_generation": gpu.pcie_generation,
        "pcie_width": gpu.pcie_width,
        "numa_node": gpu.numa_node,
    }
    return cpu.attributes(name) | {key: value for key, value in told.items() if value is not None}


def environment(name: str) -> dict[str, str]:
    """Shows CUDA this GPU alone, by its UUID: numbers change with what else a machine has."""
    library = os.environ.get(nvml.LIBRARY)
    shown = {"CUDA_VISIBLE_DEVICES": _named(name).uuid, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return shown | ({nvml.LIBRARY: library} if library else {})


def fault(name: str) -> str:
    """What has become of the GPU, if it is not there as it was, or is of no use as it is set."""
    try:
        gpu = _named(name)
    except NoDevice as error:
        return str(error)
    if not gpu.is_shared:
        return (
            f"{name} lets no two processes in, and in a measurement two take turns; "
            f"`nvidia-smi -i {gpu.index} -c DEFAULT` has it share"
        )
    return ""


def strangers(name: str) -> tuple[Holder, ...]:
    """Who has a context on the GPU, with what the driver and the system tell of it."""
    try:
        found = nvml.processes(_named(name).uuid)
    except NoGpu as error:
        raise NoDevice(f"{name} does not tell who computes there: {error}") from error
    return tuple(Holder(pid=each.pid, name=name_of(each.pid), memory_bytes=each.memory_bytes) for each in found)


def cores(name: str) -> frozenset[int]:
    """The cores near the GPU that this process may use; all of its own where none is."""
    own = frozenset(os.sched_getaffinity(0))
    return _named(name).cores & own or own


def _name(gpu: Gpu) -> str:
    return f"gpu:{gpu.index}" if gpu.instance is None else f"gpu:{gpu.index}-{gpu.instance}"


def _named(name: str) -> Gpu:
    gpu = next((gpu for gpu in _gpus() if _name(gpu) == name), None)
    if gpu is None:
        raise NoDevice(f"{name} is not there: {absence(name) or 'it was taken out, or divided anew (MIG)'}")
    if gpu.uuid != _FIRST_SEEN.setdefault(name, gpu.uuid):
        raise NoDevice(f"{name} is another GPU than it was ({gpu.name}, {gpu.uuid}); start its worker again")
    return gpu


def _gpus() -> tuple[Gpu, ...]:
    try:
        return nvml.gpus()
    except NoGpu:
        return ()
