"""What a task needs of a device, and whether a toolchain there offers it."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from pydantic import Field

from optfarm_tasks import registry
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.value import Value

_BUILDS = ("", "-cpu", "-gpu", "-intel", "-rocm", "-macos", "-directml", "-cu12", "-cu13")
"""One module comes from several distributions: tensorflow and tensorflow-cpu import alike."""


class Needs(Value):
    """What a device must offer to run a task."""

    techniques: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    versions: Mapping[str, str] = {}
    """Distribution → version that shapes the result, so it is part of the task's key."""
    gpu: bool = False
    memory_bytes: int = 0
    """Of the whole machine; a device whose memory is not known is not passed over."""
    gpu_class: str = Field(default="", exclude_if=lambda it: not it)
    """The only GPUs that will do; see `Inventory.gpu_class`."""
    instruction_sets: Mapping[str, bool] = Field(default={}, exclude_if=lambda it: not it)
    """Those that results depend on → whether the processor has it."""


def relevant(versions: Mapping[str, str], modules: Iterable[str]) -> dict[str, str]:
    """The versions that shape a result: of the modules that are imported, and of optfarm itself."""
    imported = {name for module in modules for name in (module, module.partition(".")[0])}
    names = {_normal(name) + build for name in imported for build in _BUILDS}
    return {name: versions[name] for name in sorted(versions) if _normal(name) in names | {"optfarm"}}


def offers(toolchain: Toolchain, needs: Needs) -> bool:
    """Whether every technique and runtime imports there, in the wanted versions."""
    return (
        set(needs.techniques) <= set(toolchain.techniques)
        and set(needs.runtimes) <= set(toolchain.runtimes)
        and all(toolchain.versions.get(name) == version for name, version in needs.versions.items())
    )


def offered(device: Inventory, needs: Needs) -> Toolchain | None:
    """The first toolchain of a device that offers what is needed; None when none does."""
    if (needs.gpu and device.kind != "gpu") or needs.gpu_class not in ("", device.gpu_class):
        return None
    if not _has_memory(device, needs) or not _computes_alike(device, needs):
        return None
    return next((each for each in device.toolchains if offers(each, needs)), None)


def pinned(needs: Needs, devices: Sequence[Inventory], modules: Iterable[str]) -> Needs:
    """The needs with the versions that most devices offer.

    Raises:
        BadParameter: no device offers what is needed.
    """
    names = tuple(modules)
    found = [offered(device, needs) for device in devices]
    counts = Counter(tuple(relevant(each.versions, names).items()) for each in found if each is not None)
    if not counts:
        raise BadParameter(f"{lacking(needs, devices)} on {' or '.join(device.name for device in devices)}")
    most = max(counts, key=lambda versions: (counts[versions], versions))
    return needs.model_copy(update={"versions": dict(most)})


def runtime_needs(
    runtimes: tuple[str, ...],
    devices: Sequence[Inventory],
    *,
    instruction_sets: Mapping[str, bool] | None = None,
    gpu: bool = False,
) -> Needs:
    """What running artifacts with these runtimes takes, on a class of processors where results depend on that.

    Args:
        runtimes: their names.
        devices: those that may run them.
        instruction_sets: see `Needs`.
        gpu: whether they are to compute on a GPU.

    Raises:
        BadParameter: no device offers it.
    """
    modules = (module for name in runtimes for module in registry.runtime(name).MODULES)
    return pinned(Needs(runtimes=runtimes, instruction_sets=instruction_sets or {}, gpu=gpu), devices, modules)


def lacking(needs: Needs, there: Sequence[Inventory]) -> str:
    """What no toolchain of these devices has, in words: `no technique qat`."""
    if needs.gpu and not any(device.kind == "gpu" for device in there):
        return "no GPU"
    if needs.gpu_class and not any(device.gpu_class == needs.gpu_class for device in there):
        return f"no {needs.gpu_class}"
    if not any(_has_memory(device, needs) for device in there):
        return f"too little memory (it needs about {needs.memory_bytes / 1e9:.1f} GB)"
    toolchains = [each for device in there for each in device.toolchains]
    absent = [
        f"technique {name}" for name in needs.techniques if not any(name in each.techniques for each in toolchains)
    ]
    absent += [f"runtime {name}" for name in needs.runtimes if not any(name in each.runtimes for each in toolchains)]
    together = [f"technique {name}" for name in needs.techniques] + [f"runtime {name}" for name in needs.runtimes]
    if absent:
        return f"no {', no '.join(absent)}"
    versions = [f"{name} {version}" for name, version in needs.versions.items()]
    return f"no single toolchain with {', '.join([*together, *versions])}"


def class_of(device: Inventory, depended_on: Collection[str]) -> dict[str, bool]:
    """Which of the instruction sets that results depend on a device has; empty where it does not say."""
    return {each: each in device.instruction_sets for each in sorted(depended_on)} if device.instruction_sets else {}


def _computes_alike(device: Inventory, needs: Needs) -> bool:
    return not needs.instruction_sets or class_of(device, needs.instruction_sets) == needs.instruction_sets


def _has_memory(device: Inventory, needs: Needs) -> bool:
    there = device.attributes.get("memory_bytes")
    return not isinstance(there, int) or there >= needs.memory_bytes


def _normal(name: str) -> str:
    return name.replace("_", "-").replace(".", "-").lower()
