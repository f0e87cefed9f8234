"""What the NVIDIA driver says of the GPUs of this machine, by NVML; no context of CUDA is made for it."""

import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

LIBRARY = "OPTFARM_NVML_LIBRARY"
"""The environment variable that names another libnvidia-ml than the driver's, by its path."""
_BITS = 64
_CORES = 4096
"""More than any machine has."""


class NoGpu(Exception):
    """The driver tells of no GPU; the message says why, and what to do."""


@dataclass(frozen=True)
class Gpu:
    """A GPU, or an instance of one that is divided (MIG); what its driver does not tell is None."""

    index: int
    """Of the GPU, in the order of the PCI bus."""
    instance: int | None
    uuid: str
    """Of the instance, where it is one."""
    name: str
    memory_bytes: int
    compute_capability: float
    driver: str
    cuda: str
    """The newest CUDA that the driver runs."""
    has_ecc: bool | None
    power_limit_w: float | None
    pcie_generation: int | None
    pcie_width: int | None
    numa_node: int | None
    is_shared: bool
    """Whether several processes may compute there at a time, as its compute mode has it."""
    cores: frozenset[int]
    """Of the processor, those that are near."""


@dataclass(frozen=True)
class GpuProcess:
    """A process that holds a context on a GPU."""

    pid: int
    memory_bytes: int | None


def started() -> Any:
    """The binding, ready to be asked until it is shut down. A process keeps the library that it loaded first.

    Raises:
        NoGpu: there is no driver, or it does not answer.
    """
    try:
        import pynvml  # noqa: PLC0415 (a machine without a GPU need not have it)

        if path := os.environ.get(LIBRARY):
            # The binding opens the library by its name, which is then answered by the one that is loaded.
            ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except (ImportError, OSError) as error:
        raise NoGpu(f"NVML cannot be loaded: {error}") from error
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        raise NoGpu(reason_of(pynvml, error)) from error
    return pynvml


@contextmanager
def driver() -> Iterator[Any]:
    """The binding, ready to be asked inside the block.

    Raises:
        NoGpu: see `started`; or the driver refuses what is asked.
    """
    nvml = started()
    try:
        yield nvml
    except nvml.NVMLError as error:
        raise NoGpu(reason_of(nvml, error)) from error
    finally:
        nvml.nvmlShutdown()


def gpus() -> tuple[Gpu, ...]:
    """The GPUs that answer; of one that is divided, its instances, for nothing else of it can be used.

    Raises:
        NoGpu: see `driver`.
    """
    with driver() as nvml:
        return tuple(gpu for index in range(nvml.nvmlDeviceGetCount()) for gpu in _answering(nvml, index))


def ask(index: int) -> None:
    """Passes when a GPU answers, or none has this number.

    Raises:
        NoGpu: it does not answer; or see `driver`.
    """
    with driver() as nvml:
        if index < nvml.nvmlDeviceGetCount():
            list(_of(nvml, index))


def processes(uuid: str) -> tuple[GpuProcess, ...]:
    """Who holds a context on a GPU, or on an instance of one, by pid.

    Raises:
        NoGpu: see `driver`; or the GPU is gone.
    """
    with driver() as nvml:
        held = holders(nvml, nvml.nvmlDeviceGetHandleByUUID(uuid))
        return tuple(GpuProcess(pid, held[pid]) for pid in sorted(held))


def holders(nvml: Any, handle: Any) -> dict[int, int | None]:
    """Who holds a context on a GPU → its memory in bytes, as far as the driver tells."""
    asked = (
        nvml.nvmlDeviceGetComputeRunningProcesses,
        nvml.nvmlDeviceGetGraphicsRunningProcesses,
        nvml.nvmlDeviceGetMPSComputeRunningProcesses,
    )
    return {each.pid: each.usedGpuMemory for ask in asked for each in if_known(nvml, ask, handle) or ()}


def _answering(nvml: Any, index: int) -> tuple[Gpu, ...]:
    try:
        return tuple(_of(nvml, index))
    except nvml.NVMLError:
        return ()


def _of(nvml: Any, index: int) -> Iterator[Gpu]:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    mode = if_known(nvml, nvml.nvmlDeviceGetMigMode, handle)
    if mode is None or not mode[0]:
        yield _described(nvml, handle, handle, index=index, instance=None)
        return
    for place in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
        try:
            instance = nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, place)
        except nvml.NVMLError_NotFound:
            continue
        yield _described(nvml, instance, handle, index=index, instance=place)


def _described(nvml: Any, handle: Any, whole: Any, *, index: int, instance: int | None) -> Gpu:
    """Of an instance, what the driver tells of the whole GPU alone is told of that."""
    major, minor = nvml.nvmlDeviceGetCudaComputeCapability(whole)
    cuda, ecc = nvml.nvmlSystemGetCudaDriverVersion_v2(), if_known(nvml, nvml.nvmlDeviceGetEccMode, whole)
    limit_mw = if_known(nvml, nvml.nvmlDeviceGetEnforcedPowerLimit, whole)
    return Gpu(
        index=index,
        instance=instance,
        uuid=nvml.nvmlDeviceGetUUID(handle),
        name=nvml.nvmlDeviceGetName(handle),
        memory_bytes=nvml.nvmlDeviceGetMemoryInfo(handle).total,
        compute_capability=major + minor / 10,
        driver=nvml.nvmlSystemGetDriverVersion(),
        cuda=f"{cuda // 1000}.{cuda % 1000 // 10}",
        has_ecc=None if ecc is None else bool(ecc[0]),
        power_limit_w=None if limit_mw is None else limit_mw / 1000,
        pcie_generation=if_known(nvml, nvml.nvmlDeviceGetMaxPcieLinkGeneration, whole),
        pcie_width=if_known(nvml, nvml.nvmlDeviceGetMaxPcieLinkWidth, whole),
        numa_node=if_known(nvml, nvml.nvmlDeviceGetNumaNodeId, whole),
        is_shared=if_known(nvml, nvml.nvmlDeviceGetComputeMode, whole) in (None, nvml.NVML_COMPUTEMODE_DEFAULT),
        cores=_cores(if_known(nvml, nvml.nvmlDeviceGetCpuAffinity, whole, _CORES // _BITS) or ()),
    )


def _cores(words: Any) -> frozenset[int]:
    return frozenset(at * _BITS + bit for at, word in enumerate(words) for bit in range(_BITS) if word >> bit & 1)


def if_known(nvml: Any, ask: Callable[..., Any], *arguments: Any) -> Any:
    """The answer, or None where this GPU or this driver has none to give."""
    try:
        return ask(*arguments)
    except (nvml.NVMLError_NotSupported, nvml.NVMLError_FunctionNotFound, nvml.NVMLError_NoPermission):
        return None


def reason_of(nvml: Any, error: Any) -> str:
    """What an error of the driver means, and what to do."""
    words = {
        nvml.NVML_ERROR_LIBRARY_NOT_FOUND: "there is no NVIDIA driver here: libnvidia-ml.so.1 is not found",
        nvml.NVML_ERROR_DRIVER_NOT_LOADED: "the NVIDIA driver is not loaded; `nvidia-smi` and `dmesg` say why",
        nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "the NVIDIA driver was updated while it ran; restart the machine",
        nvml.NVML_ERROR_NO_PERMISSION: "this user may not ask the NVIDIA driver: it needs access to /dev/nvidiactl",
        nvml.NVML_ERROR_GPU_IS_LOST: "it has fallen off the bus; `dmesg` says why (Xid), and a restart brings it back",
        nvml.NVML_ERROR_NOT_FOUND: "the GPU is not there any more: it was taken out, or divided anew (MIG)",
    }
    return words.get(error.value, f"the NVIDIA driver does not answer: {error}")
