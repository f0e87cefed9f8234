"""Sweeps and tasks as they stand, for people who watch them."""

from collections.abc import Iterator, Mapping, Sequence

from optfarm_scheduler.decisions.eta import Durations, Timed, eta_s
from optfarm_scheduler.store.records import SweepRecord, TaskRecord
from optfarm_tasks.schema.sweep import SweepState, SweepStatus, TaskState, TaskStatus


def sweep_status(
    sweep: SweepRecord, tasks: Sequence[TaskRecord], *, history: Durations, quarantined: Mapping[str, str], now: float
) -> SweepStatus:
    """A sweep and its tasks as they stand; quarantined devices come with the reason."""
    is_running = sweep.state is SweepState.RUNNING
    problems = tuple(_problems(tasks, quarantined)) if is_running else ()
    timed = [_timed(each, now) for each in tasks]
    knows_end = is_running and not problems
    return SweepStatus(
        id=sweep.id,
        label=sweep.label,
        state=sweep.state,
        spec=sweep.spec,
        created_at=sweep.created_at,
        finished_at=sweep.finished_at,
        tasks=tuple(task_status(each) for each in tasks),
        skipped=sweep.skipped,
        eta_s=eta_s(timed, devices=len(sweep.devices), history=history) if knows_end else None,
        problems=problems,
    )


def in_quarantine(device: str, reason: str) -> str:
    """Says of a device that it measures nothing now, why, and what ends that."""
    return f"{device} is in quarantine ({reason}); `optfarm devices release {device}` ends that"


def _problems(tasks: Sequence[TaskRecord], quarantined: Mapping[str, str]) -> Iterator[str]:
    waiting = [task for task in tasks if task.state is TaskState.READY and task.kind.needs_trust]
    for device in sorted(quarantined.keys() & {task.pinned_to for task in waiting}):
        count = sum(task.pinned_to == device for task in waiting)
        why = in_quarantine(device, quarantined[device])
        yield f"{count} {'measurement waits' if count == 1 else 'measurements wait'}: {why}"


def task_status(task: TaskRecord) -> TaskStatus:
    """A task as it stands, with its result where the record has it."""
    return TaskStatus.model_validate(task, from_attributes=True)


def _timed(task: TaskRecord, now: float) -> Timed:
    started_at = task.started_at if task.state is TaskState.RUNNING else None
    return Timed(
        kind=task.kind,
        state=task.state,
        pinned_to=task.pinned_to,
        duration_s=task.duration_s,
        running_s=now - started_at.timestamp() if started_at else 0.0,
    )
