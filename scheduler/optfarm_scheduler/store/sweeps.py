"""Sweeps as people know them: submitted, watched, cancelled."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Row, desc, func, insert, select, update

from optfarm_scheduler.decisions.eta import Durations
from optfarm_scheduler.errors import Conflict, NotFound
from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.store import records
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_scheduler.store.tables import SWEEPS, TASKS
from optfarm_scheduler.store.tasks import task_columns
from optfarm_scheduler.store.transitions import cancel_tasks
from optfarm_tasks.schema.api import SweepSummary
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import SweepReceipt, SweepSpec, SweepState, TaskState

_SHOWN = [SWEEPS.c[name] for name in ("id", "label", "state", "model", "data", "spec", "created_at", "finished_at")]


class Sweeps:
    """The sweeps of the farm and their tasks."""

    def __init__(self, database: Database, heartbeats: Heartbeats) -> None:
        self._database = database
        self._heartbeats = heartbeats

    def insert(self, sweep_id: str, spec: SweepSpec, plan: Plan, *, model: str, data: str | None, now: float) -> bool:
        """Stores a planned sweep with all its tasks; model and data are names, for people.

        Returns:
            False when there is a sweep of that id: the same submit came twice at once. Nothing is stored then.
        """
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
        tasks = [task_columns(each, sweep_id, position=number, now=now) for number, each in enumerate(plan.tasks)]
        with self._database.writing() as connection:
            if connection.execute(select(SWEEPS.c.id).where(SWEEPS.c.id == sweep_id)).first():
                return False
            connection.execute(insert(SWEEPS).values(row))
            connection.execute(insert(TASKS), tasks)
            return True

    def receipt(self, sweep_id: str) -> SweepReceipt | None:
        """What a submit is answered with; None when there is no such sweep."""
        counted = select(TASKS.c.cached, func.count()).where(TASKS.c.sweep_id == sweep_id).group_by(TASKS.c.cached)
        with self._database.reading() as connection:
            row = connection.execute(select(SWEEPS).where(SWEEPS.c.id == sweep_id)).first()
            counts = {bool(cached): count for cached, count in connection.execute(counted)}
        if row is None:
            return None
        sweep = records.sweep_record(row)
        return SweepReceipt(
            id=sweep_id,
            tasks=sum(counts.values()),
            cached=counts.get(True, 0),
            devices=tuple(sweep.devices),
            skipped=sweep.skipped,
            warnings=sweep.warnings,
        )

    def check_same(self, sweep_id: str, spec: SweepSpec) -> None:
        """Refuses an id that stands for another sweep.

        Raises:
            Conflict: it does.
        """
        if self.find(sweep_id).spec != spec:
            raise Conflict(f"sweep {sweep_id} exists and asks for something else; choose another id")

    def find(self, sweep_id: str) -> records.SweepRecord:
        """A sweep.

        Raises:
            NotFound: there is none.
        """
        with self._database.reading() as connection:
            return records.sweep_record(_row(connection, sweep_id))

    def tasks(self, sweep_id: str) -> tuple[records.SweepRecord, tuple[records.TaskRecord, ...]]:
        """A sweep and its tasks in the order of the plan, at one moment.

        Raises:
            NotFound: there is no such sweep.
        """
        sweep, rows = self._rows(sweep_id, [column for column in TASKS.c if column.name not in records.DETAILS])
        return sweep, tuple(records.task_record(each, self._heartbeats) for each in rows)

    def details(self, sweep_id: str) -> tuple[records.SweepRecord, tuple[records.TaskDetails, ...]]:
        """The same with what each task takes and made.

        Raises:
            NotFound: there is no such sweep.
        """
        sweep, rows = self._rows(sweep_id, TASKS.c)
        return sweep, tuple(records.task_details(each, self._heartbeats) for each in rows)

    def _rows(self, sweep_id: str, columns: Iterable[Column[Any]]) -> tuple[records.SweepRecord, Sequence[Row[Any]]]:
        asked = select(*columns).where(TASKS.c.sweep_id == sweep_id).order_by(TASKS.c.position)
        with self._database.reading() as connection:
            return records.sweep_record(_row(connection, sweep_id)), connection.execute(asked).all()

    def durations(self) -> Durations:
        """Mean seconds of the done tasks of each kind, over all sweeps."""
        means = select(TASKS.c.kind, func.avg(TASKS.c.duration_s)).where(TASKS.c.state == TaskState.DONE)
        with self._database.reading() as connection:
            rows = connection.execute(means.group_by(TASKS.c.kind)).all()
        return {Kind(kind): float(mean) for kind, mean in rows if mean is not None}

    def summaries(self) -> list[SweepSummary]:
        """Every sweep in a line, the newest first."""
        counted = select(TASKS.c.sweep_id, TASKS.c.state, func.count()).group_by(TASKS.c.sweep_id, TASKS.c.state)
        counts: dict[str, dict[str, int]] = {}
        with self._database.reading() as connection:
            rows = connection.execute(select(*_SHOWN).order_by(desc(SWEEPS.c.created_at))).all()
            for sweep_id, state, count in connection.execute(counted):
                counts.setdefault(sweep_id, {})[state] = count
        return [records.sweep_summary(row, counts.get(row.id, {})) for row in rows]

    def rename(self, sweep_id: str, label: str) -> None:
        """Gives a sweep a label, in place of the one that it has.

        Raises:
            NotFound: there is no such sweep.
        """
        with self._database.writing() as connection:
            _row(connection, sweep_id)
            connection.execute(update(SWEEPS).where(SWEEPS.c.id == sweep_id).values(label=label))

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


def _row(connection: Connection, sweep_id: str) -> Row[Any]:
    row = connection.execute(select(SWEEPS).where(SWEEPS.c.id == sweep_id)).first()
    if row is None:
        raise NotFound(f"there is no sweep {sweep_id!r}")
    return row
