"""Turns stored rows into what people are told."""

import functools
from collections.abc import Iterator, Mapping, Sequence

from optfarm_scheduler.decisions.eta import Durations, Timed, eta_s
from optfarm_scheduler.planning.sources import inputs_of
from optfarm_scheduler.store.heartbeats import Pulse
from optfarm_scheduler.store.sweeps import Stored, moment
from optfarm_scheduler.views.report import TaskRecord, rows
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.spec import Benchmark, Kind
from optfarm_tasks.schema.sweep import (
    Skipped,
    SweepReport,
    SweepSpec,
    SweepState,
    SweepStatus,
    TaskState,
    TaskStatus,
    Tried,
)


def sweep_status(
    row: Stored,
    tasks: Sequence[Stored],
    *,
    pulse: Pulse,
    history: Durations,
    quarantined: Mapping[str, str],
    now: float,
) -> SweepStatus:
    """A sweep and its tasks as they stand; quarantined devices come with the reason."""
    is_running = row.state == SweepState.RUNNING
    problems = tuple(_problems(tasks, quarantined)) if is_running else ()
    timed = [_timed(each, now) for each in tasks]
    knows_end = is_running and not problems
    return SweepStatus(
        id=row.id,
        state=SweepState(row.state),
        spec=SweepSpec.model_validate(row.spec),
        created_at=moment(row.created_at),
        finished_at=moment(row.finished_at),
        tasks=tuple(task_status(each, pulse=pulse) for each in tasks),
        skipped=tuple(Skipped.model_validate(each) for each in row.skipped),
        eta_s=eta_s(timed, devices=len(row.devices), history=history) if knows_end else None,
        problems=problems,
    )


def in_quarantine(device: str, reason: str) -> str:
    """What people are told of a device that measures nothing."""
    return f"{device} is in quarantine ({reason}); `optfarm devices release {device}` ends that"


def _problems(tasks: Sequence[Stored], quarantined: Mapping[str, str]) -> Iterator[str]:
    waiting = [row for row in tasks if row.state == TaskState.READY and Kind(row.kind).needs_trust]
    for device in sorted(quarantined.keys() & {row.pinned_to for row in waiting}):
        count = sum(row.pinned_to == device for row in waiting)
        told = in_quarantine(device, quarantined[device])
        yield f"{count} {'measurement waits' if count == 1 else 'measurements wait'}: {told}"


def task_status(row: Stored, *, pulse: Pulse, result: Result | None = None) -> TaskStatus:
    """A task as it stands."""
    beat = pulse.last(row.id, row.token) if row.state == TaskState.RUNNING else None
    return TaskStatus(
        id=row.id,
        sweep_id=row.sweep_id,
        kind=Kind(row.kind),
        label=row.label,
        recipe=_recipe(row.recipe),
        device=row.device or row.pinned_to,
        state=TaskState(row.state),
        cached=row.cached,
        attempt=row.attempt,
        key=row.key,
        progress=beat.progress if beat else None,
        failure=None if row.failure is None else Failure.model_validate(row.failure),
        log=row.log,
        depends_on=tuple(row.depends_on),
        result=result,
        tried=tuple(Tried.model_validate(each) for each in row.tried or ()),
        queued_at=moment(row.queued_at),
        started_at=moment(row.started_at),
        finished_at=moment(row.finished_at),
    )


def _timed(row: Stored, now: float) -> Timed:
    state = TaskState(row.state)
    is_running = state is TaskState.RUNNING and row.started_at is not None
    return Timed(
        kind=Kind(row.kind),
        state=state,
        pinned_to=row.pinned_to,
        duration_s=row.duration_s,
        running_s=now - row.started_at if is_running else 0.0,
    )


def sweep_report(row: Stored, tasks: Sequence[Stored]) -> SweepReport:
    """The table of a sweep, from tasks with their results."""
    spec = SweepSpec.model_validate(row.spec)
    return SweepReport(
        sweep_id=row.id,
        state=SweepState(row.state),
        model=row.model,
        data=row.data,
        effort=spec.effort,
        scenario=spec.scenario,
        latency_limit_ms=spec.latency_limit_ms,
        rows=rows([_ended(task) for task in tasks]),
        skipped=tuple(Skipped.model_validate(each) for each in row.skipped),
        devices=row.devices,
    )


def _ended(row: Stored) -> TaskRecord:
    return TaskRecord(
        id=row.id,
        kind=Kind(row.kind),
        recipe=_recipe(row.recipe),
        state=TaskState(row.state),
        cached=row.cached,
        inputs=inputs_of(row.inputs),
        pinned_to=row.pinned_to,
        setting=Benchmark.model_validate(row.action) if row.kind == Kind.BENCHMARK else None,
        failure=None if row.failure is None else Failure.model_validate(row.failure),
        result=None if row.result is None else Result.model_validate(row.result),
        tried=tuple(Tried.model_validate(each) for each in row.tried or ()),
    )


@functools.lru_cache(1024)
def _recipe(text: str) -> Recipe:
    """A sweep's tasks share few recipes, and a watched sweep is told again at every change."""
    return Recipe.parse(text)
