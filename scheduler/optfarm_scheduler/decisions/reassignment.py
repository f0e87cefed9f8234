"""Decides where a benchmark goes that its own device cannot measure: to another host of the same class."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from optfarm_scheduler.decisions.occupancy import OpenTask, Presence
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.spec import Kind


def elsewhere(
    task: OpenTask, alive: Sequence[Presence], *, home: Inventory, measured: Collection[str | None]
) -> str | None:
    """The first device by name that may take the benchmark over; None when it has to stay.

    Args:
        task: the benchmark.
        alive: the devices that answer.
        home: the device that it is pinned to.
        measured: devices on which its sweep measures anyhow, and which need not do so twice.
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
    """Whether numbers of one device may stand for the other: the same hardware and kernel, on another host."""
    return one.host != other.host and one.kind == other.kind and one.attributes == other.attributes
