"""The one gate through which every task changes its state, and the changes that pass it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, update

from optfarm_scheduler.decisions.states import sources
from optfarm_scheduler.store.tables import DEVICES, TASKS
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.sweep import TaskState

TOKEN = TASKS.c.token + 1
"""The next fencing token: whoever holds the present one holds nothing any more."""

_ANY = frozenset(TaskState)


@dataclass(frozen=True)
class Change:
    """A new state, and the columns that change with it."""

    to: TaskState
    values: Mapping[str, Any] = field(default_factory=dict)

    def having(self, **values: Any) -> "Change":
        """The same change with more columns."""
        return Change(self.to, {**self.values, **values})


@dataclass(frozen=True)
class Changed:
    """A task after its change."""

    sweep_id: str | None
    """None for a canary."""
    device: str | None
    token: int


def transition(
    connection: Connection, which: ColumnElement[bool], *, change: Change, before: Collection[TaskState] = _ANY
) -> tuple[Changed, ...]:
    """Changes the state of tasks; nothing else writes it. Returns those that changed, and leaves the others alone.

    A task changes when it is in a state that the change was decided for, `before`, and that the new one may follow.
    """
    allowed = TASKS.c.state.in_(sorted(sources(change.to) & set(before)))
    changing = update(TASKS).where(which, allowed).values(state=change.to, **change.values)
    rows = connection.execute(changing.returning(TASKS.c.sweep_id, TASKS.c.device, TASKS.c.token))
    return tuple(Changed(*row) for row in rows)


def done(result: Result, *, now: float, cached: bool) -> Change:
    """A task came to its result; a cached one names the device where the result was made."""
    values = {
        "cached": cached,
        "result": result.model_dump(mode="json"),
        "output_digest": result.outputs.digest,
        "duration_s": result.duration_s,
        "finished_at": now,
    }
    origin = result.device if "." in result.device else f"{result.host}.{result.device}"
    return Change(TaskState.DONE, values | ({"device": origin} if cached else {}))


def failed(failure: Failure, *, now: float) -> Change:
    """A task came to no result; where there was nothing to do, that is no failure."""
    state = TaskState.SKIPPED if failure.is_skip else TaskState.FAILED
    return Change(state, {"failure": failure.model_dump(mode="json"), "finished_at": now})


def release_device(connection: Connection, device: str | None, *, now: float) -> None:
    """Records that a task left a device: from now on it is expected to claim its next message."""
    connection.execute(update(DEVICES).where(DEVICES.c.name == device).values(freed_at=now))


def share(connection: Connection, result: Result, *, now: float) -> tuple[Changed, ...]:
    """Gives the result to every task that waited for the same work."""
    waiting, change = TASKS.c.key == result.key, done(result, now=now, cached=True)
    return transition(connection, waiting, change=change, before=(TaskState.READY,))


def cancel_tasks(connection: Connection, which: ColumnElement[bool], *, now: float) -> None:
    """Ends those of the tasks that have not ended; whoever works on one loses its lease."""
    change = Change(TaskState.CANCELLED, {"token": TOKEN, "finished_at": now})
    for device in {each.device for each in transition(connection, which, change=change)} - {None}:
        release_device(connection, device, now=now)
