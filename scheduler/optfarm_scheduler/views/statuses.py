"""Sweeps and tasks as they stand, for people who watch them."""

from collections.abc import Iterator, Mapping, Sequence

from optfarm_scheduler.decisions.eta import Durations, Timed, eta_s
from optfarm_scheduler.store.records import SweepRecord, TaskRecord
from optfarm_tasks.schema.sweep import SweepState, SweepStatus, TaskState, TaskStatus
from optfarm_tasks.schema.waiting import Waiting, WaitsFor

BLOCKING = (WaitsFor.QUARANTINE, WaitsFor.OFFLINE, WaitsFor.TOOLCHAIN)
"""What does not end by itself."""


def sweep_status(
    sweep: SweepRecord, tasks: Sequence[TaskRecord], *, history: Durations, waits: Mapping[str, Waiting], now: float
) -> SweepStatus:
    """A sweep and its tasks as they stand, with what those that do not run wait for."""
    is_running = sweep.state is SweepState.RUNNING
    shown = tuple(task_status(each, waits) for each in tasks)
    problems = tuple(_problems(shown)) if is_running else ()
    timed = [_timed(each, now) for each in tasks]
    knows_end = is_running and not problems
    return SweepStatus(
        id=sweep.id,
        label=sweep.label,
        state=sweep.state,
        spec=sweep.spec,
        created_at=sweep.created_at,
        finished_at=sweep.finished_at,
        tasks=shown,
        skipped=sweep.skipped,
        eta_s=eta_s(timed, devices=len(sweep.devices), history=history) if knows_end else None,
        problems=problems,
    )


def task_status(task: TaskRecord, waits: Mapping[str, Waiting]) -> TaskStatus:
    """A task as it stands, with its result where the record has it."""
    status = TaskStatus.model_validate(task, from_attributes=True)
    waiting = status.progress.waiting if status.progress else waits.get(task.id)
    return status.model_copy(update={"waiting": waiting})


def _problems(tasks: Sequence[TaskStatus]) -> Iterator[str]:
    stuck: dict[str, list[TaskStatus]] = {}
    for task in tasks:
        if task.waiting is not None and task.waiting.reason in BLOCKING:
            stuck.setdefault(task.waiting.message, []).append(task)
    for message, waiting in sorted(stuck.items()):
        noun = "measurement" if all(task.kind.needs_trust for task in waiting) else "task"
        count = f"1 {noun} waits" if len(waiting) == 1 else f"{len(waiting)} {noun}s wait"
        yield f"{count}: {message}"


def _timed(task: TaskRecord, now: float) -> Timed:
    started_at = task.started_at if task.state is TaskState.RUNNING else None
    return Timed(
        kind=task.kind,
        state=task.state,
        pinned_to=task.pinned_to,
        duration_s=task.duration_s,
        running_s=now - started_at.timestamp() if started_at else 0.0,
    )
