"""Decides which device takes a benchmark over that its own cannot measure: one of the same class on another host."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.spec import Kind


def replacement(
    task: OpenTask, alive: Sequence[KnownDevice], *, home: Inventory, measured: Collection[str | None]
) -> str | None:
    """The device that takes the benchmark over, the first by name of those that may; None when it has to stay.

    Args:
        task: the benchmark.
        alive: the devices that answer.
        home: the device that it is pinned to.
        measured: devices that its sweep measures on already; the same numbers are not taken twice.
    """
    if task.kind is not Kind.BENCHMARK:
        return None
    barred = {home.name, *task.tried, *measured}
    able = (each for each in alive if is_same_class(home, each.inventory) and each.can_take(task))
    return min((each.name for each in able if each.name not in barred), default=None)


def measured_in(tasks: Iterable[OpenTask]) -> Mapping[str | None, set[str | None]]:
    """Sweep → the devices that were chosen for its benchmarks when it was submitted."""
    found: dict[str | None, set[str | None]] = {}
    for task in tasks:
        if not task.tried:
            found.setdefault(task.sweep_id, set()).add(task.pinned_to)
    return found


def is_same_class(one: Inventory, other: Inventory) -> bool:
    """Whether two devices on different hosts have the same hardware and kernel, so that their times compare."""
    return one.host != other.host and one.kind == other.kind and one.attributes == other.attributes
