"""What the store returns: sweeps and tasks as typed records, so that nothing else needs to know their columns."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from optfarm_scheduler.planning.sources import Source, inputs_of
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.spec import Benchmark, Kind, Role
from optfarm_tasks.schema.sweep import Skipped, SweepSpec, SweepState, TaskState, Tried

DETAILS = frozenset({"action", "inputs", "needs", "identity", "result"})
"""Columns of a task that say nothing of where it stands."""
_PLAIN = ("id", "sweep_id", "label", "cached", "pinned_to", "device", "attempt", "key", "log", "duration_s")
"""Columns that a record holds as they are."""


@dataclass(frozen=True)
class SweepRecord:
    """A sweep."""

    id: str
    state: SweepState
    spec: SweepSpec
    model: str
    data: str | None
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    devices: Mapping[str, Mapping[str, Any]]
    """Device → its attributes."""
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class SweepSummary:
    """A sweep in a line: how many of its tasks there are, came to a result, and did not."""

    id: str
    state: SweepState
    model: str
    created_at: datetime
    finished_at: datetime | None
    tasks: int
    done: int
    failed: int


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A task as it stands."""

    id: str
    sweep_id: str | None
    """None for a canary."""
    kind: Kind
    label: str
    recipe: Recipe
    state: TaskState
    cached: bool
    depends_on: tuple[str, ...]
    pinned_to: str | None
    device: str | None
    """Where its message or its lease is, or its result was made."""
    attempt: int
    key: str | None
    log: str | None
    duration_s: float | None
    """Of the work itself, once it is done."""
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    progress: Progress | None = None
    """While it runs: what its worker said last."""
    failure: Failure | None = None
    tried: tuple[Tried, ...] = ()


@dataclass(frozen=True, kw_only=True)
class TaskDetails(TaskRecord):
    """A task with what it takes and what it made; a sweep that is watched is read without them, which is faster."""

    inputs: Mapping[Role, Source]
    setting: Benchmark | None = None
    """For a benchmark: how it measures."""
    result: Result | None = None


def sweep_record(row: Row[Any]) -> SweepRecord:
    """A sweep, from all its columns."""
    return SweepRecord(
        id=row.id,
        state=SweepState(row.state),
        spec=SweepSpec.model_validate(row.spec),
        model=row.model,
        data=row.data,
        skipped=tuple(Skipped.model_validate(each) for each in row.skipped),
        warnings=tuple(row.warnings),
        devices=row.devices,
        created_at=moment(row.created_at),
        finished_at=None if row.finished_at is None else moment(row.finished_at),
    )


def sweep_summary(row: Row[Any], counts: Mapping[str, int]) -> SweepSummary:
    """A sweep in a line, from its columns and how many of its tasks are in each state."""
    return SweepSummary(
        id=row.id,
        state=SweepState(row.state),
        model=row.model,
        created_at=moment(row.created_at),
        finished_at=None if row.finished_at is None else moment(row.finished_at),
        tasks=sum(counts.values()),
        done=counts.get(TaskState.DONE, 0),
        failed=counts.get(TaskState.FAILED, 0) + counts.get(TaskState.BLOCKED, 0),
    )


def task_record(row: Row[Any], heartbeats: Heartbeats) -> TaskRecord:
    """A task, from the columns that are no details."""
    return TaskRecord(**_standing(row, heartbeats))


def task_details(row: Row[Any], heartbeats: Heartbeats) -> TaskDetails:
    """A task, from all its columns."""
    return TaskDetails(
        **_standing(row, heartbeats),
        inputs=inputs_of(row.inputs),
        setting=Benchmark.model_validate(row.action) if row.kind == Kind.BENCHMARK else None,
        result=None if row.result is None else Result.model_validate(row.result),
    )


def _standing(row: Row[Any], heartbeats: Heartbeats) -> dict[str, Any]:
    beat = heartbeats.last(row.id, row.token) if row.state == TaskState.RUNNING else None
    columns = row._asdict()
    return {name: columns[name] for name in _PLAIN} | {
        "kind": Kind(row.kind),
        "recipe": _recipe(row.recipe),
        "state": TaskState(row.state),
        "depends_on": tuple(row.depends_on),
        "queued_at": moment(row.queued_at),
        "started_at": None if row.started_at is None else moment(row.started_at),
        "finished_at": None if row.finished_at is None else moment(row.finished_at),
        "progress": beat.progress if beat else None,
        "failure": None if row.failure is None else Failure.model_validate(row.failure),
        "tried": tuple(Tried.model_validate(each) for each in row.tried or ()),
    }


def moment(seconds: float) -> datetime:
    """Seconds since the epoch as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


@functools.lru_cache(1024)
def _recipe(text: str) -> Recipe:
    """A sweep's tasks share few recipes, and a watched sweep is read again at every change."""
    return Recipe.parse(text)
