"""Sweeps as people know them: submitted, watched, cancelled."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, desc, func, insert, select, update

from optfarm_scheduler.decisions.eta import Durations
from optfarm_scheduler.errors import Conflict, NotFound
from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.planning.planner import TaskPlan
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.trace_plan import Artifact
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.tables import SWEEPS, TASKS
from optfarm_scheduler.store.task_folders import task_row
from optfarm_scheduler.store.transitions import cancel_tasks
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Conversion, Result
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import Skipped, SweepReceipt, SweepSpec, SweepState, TaskState

Stored = Row[Any]
"""Columns of a sweep or a task."""


class Sweeps:
    """The sweeps of the farm and their tasks."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, sweep_id: str, spec: SweepSpec, plan: Plan, *, model: str, data: str | None, now: float) -> None:
        """Stores a planned sweep with all its tasks, in one transaction; model and data are names, for people."""
        row = {
            "id": sweep_id,
            "state": SweepState.RUNNING,
            "spec": spec.model_dump(mode="json"),
            "model": model,
            "data": data,
            "skipped": [each.model_dump(mode="json") for each in plan.skipped],
            "warnings": list(plan.warnings),
            "devices": {device.name: device.attributes for device in plan.devices},
            "created_at": now,
        }
        tasks = [_task(sweep_id, position, each, now) for position, each in enumerate(plan.tasks)]
        with self._database.writing() as connection:
            connection.execute(insert(SWEEPS).values(row))
            connection.execute(insert(TASKS), tasks)

    def receipt(self, sweep_id: str) -> SweepReceipt | None:
        """What a submit is answered with; None when there is no such sweep."""
        counted = select(TASKS.c.cached, func.count()).where(TASKS.c.sweep_id == sweep_id).group_by(TASKS.c.cached)
        with self._database.reading() as connection:
            row = connection.execute(select(SWEEPS).where(SWEEPS.c.id == sweep_id)).first()
            counts = {bool(cached): count for cached, count in connection.execute(counted)}
        if row is None:
            return None
        return SweepReceipt(
            id=sweep_id,
            tasks=sum(counts.values()),
            cached=counts.get(True, 0),
            devices=tuple(row.devices),
            skipped=tuple(Skipped.model_validate(each) for each in row.skipped),
            warnings=tuple(row.warnings),
        )

    def check_same(self, sweep_id: str, spec: SweepSpec) -> None:
        """Refuses an id that stands for another sweep.

        Raises:
            Conflict: it does.
        """
        if SweepSpec.model_validate(self.row(sweep_id).spec) != spec:
            raise Conflict(f"sweep {sweep_id} exists and asks for something else; choose another id")

    def row(self, sweep_id: str) -> Stored:
        """The columns of a sweep.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            return _row(connection, sweep_id)

    def artifact(self, task: str) -> Artifact:
        """What a conversion of any sweep made.

        Raises:
            NotFound: there is no such task.
            Conflict: it is not done.
            BadParameter: it makes no artifact.
        """
        with self._database.reading() as connection:
            row = task_row(connection, task)
        if row.kind != Kind.CONVERT:
            raise BadParameter(f"{task} is a task of kind {row.kind}; an artifact is made by one of kind convert")
        facts = None if row.result is None else Result.model_validate(row.result).facts
        if not isinstance(facts, Conversion):
            raise Conflict(f"{task} is {row.state}, so there is no artifact of it")
        return Artifact(Source(Origin.TASK, task), Recipe.parse(row.recipe), facts.description.format)

    def tasks(self, sweep_id: str, *, with_results: bool = False) -> tuple[Stored, Sequence[Stored]]:
        """The columns of a sweep and of its tasks in the order of the plan, at one moment.

        Raises:
            NotFound: there is no such sweep.
        """
        columns = [column for column in TASKS.c if with_results or column is not TASKS.c.result]
        with self._database.reading() as connection:
            row = _row(connection, sweep_id)
            asked = select(*columns).where(TASKS.c.sweep_id == sweep_id).order_by(TASKS.c.position)
            return row, connection.execute(asked).all()

    def durations(self) -> Durations:
        """Mean seconds of the done tasks of each kind, over all sweeps."""
        means = select(TASKS.c.kind, func.avg(TASKS.c.duration_s)).where(TASKS.c.state == TaskState.DONE)
        with self._database.reading() as connection:
            rows = connection.execute(means.group_by(TASKS.c.kind)).all()
        return {Kind(kind): float(mean) for kind, mean in rows if mean is not None}

    def summaries(self) -> list[dict[str, Any]]:
        """Every sweep in a line, the newest first."""
        counted = select(TASKS.c.sweep_id, TASKS.c.state, func.count()).group_by(TASKS.c.sweep_id, TASKS.c.state)
        counts: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(select(SWEEPS).order_by(desc(SWEEPS.c.created_at))).all()
            for sweep_id, state, count in connection.execute(counted):
                counts.setdefault(sweep_id, {})[state] = count
        return [_summary(row, counts.get(row.id, {})) for row in rows]

    def cancel(self, sweep_id: str, *, now: float) -> None:
        """Ends a sweep and every task that has not ended; an ended sweep stays as it is.

        Raises:
            NotFound: there is no such sweep.
        """
        running = (SWEEPS.c.id == sweep_id) & (SWEEPS.c.state == SweepState.RUNNING)
        with self._database.writing() as connection:
            _row(connection, sweep_id)
            connection.execute(update(SWEEPS).where(running).values(state=SweepState.CANCELLED, finished_at=now))
            cancel_tasks(connection, TASKS.c.sweep_id == sweep_id, now=now)


def moment(seconds: float | None) -> datetime | None:
    """Seconds since the epoch as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _row(connection: Connection, sweep_id: str) -> Stored:
    row = connection.execute(select(SWEEPS).where(SWEEPS.c.id == sweep_id)).first()
    if row is None:
        raise NotFound(f"there is no sweep {sweep_id!r}")
    return row


def _task(sweep_id: str, position: int, task: TaskPlan, now: float) -> dict[str, Any]:
    return {
        "id": task.id,
        "sweep_id": sweep_id,
        "position": position,
        "kind": task.kind,
        "label": task.label,
        "recipe": str(task.recipe),
        "action": task.action.model_dump(mode="json"),
        "inputs": {role: str(source) for role, source in task.inputs.items()},
        "needs": task.needs.model_dump(mode="json"),
        "depends_on": list(task.depends_on),
        "pinned_to": task.pinned_to,
        "identity": task.identity,
        "queued_at": now,
    }


def _summary(row: Stored, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "model": row.model,
        "created_at": moment(row.created_at),
        "finished_at": moment(row.finished_at),
        "tasks": sum(counts.values()),
        "done": counts.get(TaskState.DONE, 0),
        "failed": counts.get(TaskState.FAILED, 0) + counts.get(TaskState.BLOCKED, 0),
    }
