"""Devices: what a task computes on, and what a worker announces of its own."""

from enum import StrEnum

from pydantic import Field

from optfarm_tasks.schema.value import Value, WireMessage


class DeviceKind(StrEnum):
    """What computes."""

    CPU = "cpu"
    GPU = "gpu"


class DeviceSpec(Value):
    """What a model is to be run or made on; of the CPU there is one, a GPU is meant by its number or its UUID."""

    kind: DeviceKind = DeviceKind.CPU
    index: int | None = Field(default=None, ge=0)
    """Among the GPUs that the process sees; a task's child sees its own alone."""
    uuid: str | None = None


CPU = DeviceSpec()


class Toolchain(Value):
    """A Python interpreter on the host, and what imports in it."""

    name: str = "default"
    python: str
    """Path of the interpreter on that host."""
    versions: dict[str, str]
    """Distribution → version."""
    techniques: tuple[str, ...]
    runtimes: tuple[str, ...]
    faults: tuple[str, ...] = ()
    """Why plug-ins that are installed there cannot be used."""


class Inventory(WireMessage):
    """What a worker says of itself when it registers; its queue is device.<host>.<slot>."""

    host: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$")
    slot: str = Field(pattern=r"^[a-z0-9-]+$")
    """cpu, gpu-0, gpu-1, …"""
    attributes: dict[str, str | int | float]
    """cpu_model, cores, memory_bytes, gpu_name, …: what selectors match."""
    labels: dict[str, str] = Field(default_factory=dict)
    instruction_sets: tuple[str, ...] = ()
    """Those by which runtimes choose kernels whose results differ, sorted; empty where the worker does not say."""
    toolchains: tuple[Toolchain, ...]
    worker: str = ""
    """Names the worker's process: another one after each start."""
    fault: str = ""
    """Why nothing can run there now, as long as that lasts: a GPU that is gone."""

    @property
    def name(self) -> str:
        """host.slot: how people and queues call this device."""
        return f"{self.host}.{self.slot}"

    @property
    def kind(self) -> str:
        """cpu, gpu, …: what the slots of one kind of device begin with."""
        return self.slot.partition("-")[0]

    @property
    def gpu_class(self) -> str:
        """What engines belong to that are built for one kind of GPU: `NVIDIA L4 8.9`; empty of other devices."""
        if self.kind != DeviceKind.GPU:
            return ""
        return f"{self.attributes.get('gpu_name', '')} {self.attributes.get('compute_capability', '')}".strip()

    @property
    def spec(self) -> DeviceSpec:
        """What the child of a task computes on."""
        if self.kind != DeviceKind.GPU:
            return DeviceSpec(kind=DeviceKind(self.kind))
        uuid = self.attributes.get("gpu_uuid")
        return DeviceSpec(kind=DeviceKind.GPU, index=0, uuid=None if uuid is None else str(uuid))
