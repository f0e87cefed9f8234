"""Tasks and devices that the scheduler is asked to decide about."""

from dataclasses import replace

from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.health import DeviceHealth, HealthState
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState

NOW = 1_000_000.0
"""When a decision is made, in seconds of the Unix epoch."""
CONVERTS = Needs(techniques=("tflite-int8",), versions={"tensorflow": "2.21"})
BENCHMARKS = Needs(runtimes=("litert",))
GOOD = DeviceHealth(state=HealthState.GOOD, good=8)
QUARANTINED = DeviceHealth(state=HealthState.QUARANTINED, reason="its compute canary took 2 ms", good=8)


def device(name: str, *, seen: float = NOW, freed: float = 0.0, versions: dict[str, str] | None = None) -> KnownDevice:
    """A device, named host.slot, that can do both kinds of work, and whose canary has just run well."""
    host, _, slot = name.partition(".")
    toolchain = Toolchain(
        python="python",
        versions=versions or {"tensorflow": "2.21"},
        techniques=("tflite-int8",),
        runtimes=("litert",),
    )
    inventory = Inventory(host=host, slot=slot, attributes={}, toolchains=(toolchain,))
    return KnownDevice(inventory=inventory, last_seen_at=seen, freed_at=freed, canary_at=seen, health=GOOD)


def faulty(name: str, fault: str) -> KnownDevice:
    """A device of which its worker says that nothing can run there."""
    there = device(name)
    return replace(there, inventory=there.inventory.model_copy(update={"fault": fault}))


def convert(name: str, state: TaskState = TaskState.READY, **more: object) -> OpenTask:
    """A task that any device may do."""
    made = OpenTask(
        id=name, sweep_id="s", position=0, kind=Kind.CONVERT, state=state, needs=CONVERTS, key=f"key {name}"
    )
    return replace(made, **more)


def benchmark(name: str, pinned_to: str, state: TaskState = TaskState.READY, **more: object) -> OpenTask:
    """A task that only the device it is pinned to may do."""
    made = convert(name, state, pinned_to=pinned_to, **more)
    return replace(made, kind=Kind.BENCHMARK, needs=BENCHMARKS)


def canary(pinned_to: str, state: TaskState = TaskState.READY, **more: object) -> OpenTask:
    """The canary of a device."""
    made = replace(convert(f"canary of {pinned_to}", state, pinned_to=pinned_to, **more), sweep_id=None)
    return replace(made, kind=Kind.CANARY, needs=Needs())
