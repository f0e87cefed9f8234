"""How long a sweep will still take, from how long tasks of the same kind took."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from optfarm_scheduler.decisions.states import ENDS
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState

Durations = Mapping[Kind, float]
"""Kind → mean seconds."""


@dataclass(frozen=True)
class Timed:
    """What an estimate needs to know of a task."""

    kind: Kind
    state: TaskState
    pinned_to: str | None
    duration_s: float | None
    """Of the work itself, once it is done; a cached result says it too."""
    running_s: float = 0.0
    """For how long it has been running."""


def eta_s(tasks: Iterable[Timed], *, devices: int, history: Durations) -> float | None:
    """Expected seconds to the end; None while a kind of task is left of which nothing is known.

    Work pinned to a device adds up there, other work is shared among the devices; the fullest device ends last.

    Args:
        tasks: all tasks of the sweep.
        devices: how many devices share what is not pinned; at least one is assumed.
        history: means over earlier sweeps, for kinds of which this one has no done task yet.
    """
    there = tuple(tasks)
    left = [task for task in there if task.state not in ENDS]
    known = dict(history) | _means(there)
    if any(task.kind not in known for task in left):
        return None
    pinned: dict[str, float] = {}
    shared = 0.0
    for task in left:
        rest = max(known[task.kind] - task.running_s, 0.0)
        if task.pinned_to is None:
            shared += rest
        else:
            pinned[task.pinned_to] = pinned.get(task.pinned_to, 0.0) + rest
    return shared / max(devices, 1) + max(pinned.values(), default=0.0)


def _means(tasks: Iterable[Timed]) -> dict[Kind, float]:
    durations: dict[Kind, list[float]] = {}
    for task in tasks:
        if task.state is TaskState.DONE and task.duration_s is not None:
            durations.setdefault(task.kind, []).append(task.duration_s)
    return {kind: sum(values) / len(values) for kind, values in durations.items()}
