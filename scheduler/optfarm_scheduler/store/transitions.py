"""What is written when a task comes to its end, whoever ends it."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, select, update

from optfarm_scheduler.decisions.states import ENDS, IN_FLIGHT
from optfarm_scheduler.store.tables import DEVICES, TASKS
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.sweep import TaskState


def done_values(result: Result, *, now: float, cached: bool) -> dict[str, Any]:
    """The columns of a task that is done."""
    values = {
        "state": TaskState.DONE,
        "cached": cached,
        "result": result.model_dump(mode="json"),
        "output_digest": result.outputs.digest,
        "duration_s": result.duration_s,
        "finished_at": now,
    }
    return values | ({"device": _origin(result)} if cached else {})


def _origin(result: Result) -> str:
    return result.device if "." in result.device else f"{result.host}.{result.device}"


def failed_values(failure: Failure, *, now: float) -> dict[str, Any]:
    """The columns of a task that failed."""
    return {"state": TaskState.FAILED, "failure": failure.model_dump(mode="json"), "finished_at": now}


def release_device(connection: Connection, device: str | None, *, now: float) -> None:
    """Notes that a task left a device: from now on it is expected to claim its next message."""
    connection.execute(update(DEVICES).where(DEVICES.c.name == device).values(freed_at=now))


def share(connection: Connection, result: Result, *, now: float) -> None:
    """Gives the result to every task that waited for the same work."""
    waiting = (TASKS.c.key == result.key) & (TASKS.c.state == TaskState.READY)
    connection.execute(update(TASKS).where(waiting).values(done_values(result, now=now, cached=True)))


def cancel_tasks(connection: Connection, which: ColumnElement[bool], *, now: float) -> None:
    """Ends those of the tasks that have not ended; whoever works on one loses its lease."""
    flying = select(TASKS.c.device).where(which, TASKS.c.state.in_(sorted(IN_FLIGHT)))
    for device in connection.execute(flying).scalars().all():
        release_device(connection, device, now=now)
    values = {"state": TaskState.CANCELLED, "token": TASKS.c.token + 1, "finished_at": now}
    connection.execute(update(TASKS).where(which, TASKS.c.state.not_in(sorted(ENDS))).values(values))
