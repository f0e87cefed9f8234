"""What an engine is built for: the compute capability of a GPU."""

from typing import Any

from optfarm_tasks.errors import BadParameter, MissingParameter
from optfarm_tasks.frameworks.tensorrt import device
from optfarm_tasks.frameworks.tensorrt.library import Library
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec

_OWN = "SM"
"""Begins the names of compute capabilities in TensorRT-RTX: SM89 is 8.9."""


def target_of(found: Library, asked: float, spec: DeviceSpec) -> device.Gpu:
    """The GPU that an engine is built for: the one at hand, or of TensorRT-RTX any that is asked for.

    Raises:
        BadParameter: the library builds for no such GPU, or for the one at hand alone.
        MissingParameter: none is asked for, and none is at hand.
    """
    here = device.gpu() if spec.kind is DeviceKind.GPU else None
    if here is not None and asked in (0, float(here.compute_capability)):
        return here
    if found.builder == "tensorrt":
        seen = "there is none here" if here is None else f"it is of compute capability {here.compute_capability}"
        raise BadParameter(f"TensorRT times kernels on the GPU that it builds for, and {seen}")
    if not asked:
        raise MissingParameter("there is no GPU here to build for; name its compute capability, as in target=8.9")
    return device.Gpu(name="", compute_capability=f"{asked:.1f}")


def choose(found: Library, config: Any, gpu: device.Gpu) -> None:
    """Has a builder's configuration aim at a GPU.

    Raises:
        BadParameter: TensorRT-RTX does not build for it.
    """
    if found.builder == "tensorrt":
        return
    there = {name: kind for name, kind in found.trt.ComputeCapability.__members__.items() if name.startswith(_OWN)}
    name = f"{_OWN}{gpu.compute_capability.replace('.', '')}"
    if name not in there:
        known = ", ".join(f"{each[len(_OWN) : -1]}.{each[-1]}" for each in there)
        raise BadParameter(
            f"{found.name} builds for GPUs of compute capability {known}, and {gpu.compute_capability} is asked for"
        )
    config.num_compute_capabilities = 1
    config.set_compute_capability(there[name], 0)
