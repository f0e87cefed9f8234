"""What the store returns: sweeps and tasks as typed records, so that nothing else needs to know their columns."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, TypeAdapter
from sqlalchemy import Row

from optfarm_scheduler.decisions.snapshot import OpenTask
from optfarm_scheduler.planning.sources import Source
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_tasks.schema.api import SweepSummary
from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.spec import Benchmark, Kind, Role
from optfarm_tasks.schema.sweep import Purpose, Skipped, SweepSpec, SweepState, TaskState, Tried

DETAILS = frozenset({"action", "inputs", "needs", "identity", "result"})
"""Columns of a task that say nothing of where it stands."""


@dataclass(frozen=True)
class SweepRecord:
    """A sweep."""

    id: str
    state: SweepState
    spec: SweepSpec
    model: str
    data: str | None
    label: str | None
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]
    devices: dict[str, dict[str, Any]]
    """Device → its attributes."""
    created_at: datetime
    finished_at: datetime | None


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
    """Where it runs, ran, or is pinned to run."""
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

    inputs: dict[Role, Annotated[Source, BeforeValidator(Source.parse)]]
    needs: Needs
    setting: Benchmark | None = None
    """For a benchmark: how it measures."""
    result: Result | None = None


_SWEEP, _OPEN = TypeAdapter(SweepRecord), TypeAdapter(OpenTask)
_TASK, _DETAILS = TypeAdapter(TaskRecord), TypeAdapter(TaskDetails)


def sweep_record(row: Row[Any]) -> SweepRecord:
    """A sweep, from all its columns."""
    return _SWEEP.validate_python(row._asdict())


def sweep_summary(row: Row[Any], counts: Mapping[str, int]) -> SweepSummary:
    """A sweep in a line, from the columns that it shows and how many of its tasks are in each state."""
    shown = row._asdict()
    spec: dict[str, Any] = shown.pop("spec")
    purpose = Purpose.PROFILE if spec.get("trace") else spec.get("purpose", Purpose.SWEEP)
    ended = (TaskState.DONE, TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED)
    tasks = {"tasks": sum(counts.values()), **{str(state): counts.get(state, 0) for state in ended}}
    return SweepSummary.model_validate(shown | tasks | {"purpose": purpose, "recipes": len(spec["recipes"])})


def task_record(row: Row[Any], heartbeats: Heartbeats) -> TaskRecord:
    """A task, from the columns that are no details."""
    return _TASK.validate_python(_standing(row, heartbeats))


def task_details(row: Row[Any], heartbeats: Heartbeats) -> TaskDetails:
    """A task, from all its columns."""
    setting = row.action if row.kind == Kind.BENCHMARK else None
    return _DETAILS.validate_python(_standing(row, heartbeats) | {"setting": setting})


def open_task(row: Row[Any], *, lease_until: float) -> OpenTask:
    """A task as decisions see it, from its columns."""
    tried = tuple(each["device"] for each in row.tried or ())
    return _OPEN.validate_python(row._asdict() | {"tried": tried, "lease_until": lease_until})


def _standing(row: Row[Any], heartbeats: Heartbeats) -> dict[str, Any]:
    last = heartbeats.last(row.id, row.token) if row.state == TaskState.RUNNING else None
    parsed = {"recipe": _recipe(row.recipe), "device": row.device or row.pinned_to, "tried": row.tried or ()}
    return row._asdict() | parsed | {"progress": last.progress if last else None}


@functools.lru_cache(1024)
def _recipe(text: str) -> Recipe:
    """A sweep's tasks share few recipes, and a watched sweep is read again at every change."""
    return Recipe.parse(text)
