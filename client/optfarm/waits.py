"""What the tasks of a sweep wait for, in words with ages. Pure."""

from collections.abc import Iterator
from datetime import datetime

from optfarm.durations import shown_s
from optfarm_tasks.schema.sweep import SweepStatus, TaskState, TaskStatus
from optfarm_tasks.schema.waiting import Waiting, WaitsFor

_SAID_ELSEWHERE = frozenset({WaitsFor.TASKS, WaitsFor.QUARANTINE, WaitsFor.OFFLINE, WaitsFor.TOOLCHAIN})
"""What a sweep's problems say, and what goes without saying of a sweep whose other tasks are shown."""


def in_words(waiting: Waiting, now: datetime) -> str:
    """Process 4711 (optfarm-worker) holds this machine's lock, for 3 min 20 s; what ends by itself says when."""
    words = [waiting.message]
    if waiting.since is not None:
        age = shown_s(max(0.0, (now - waiting.since).total_seconds()))
        words.append(f"silent for {age}" if waiting.reason is WaitsFor.OFFLINE else f"for {age}")
    if waiting.until is not None:
        words.append(f"goes on in {shown_s(max(0.0, (waiting.until - now).total_seconds()))}")
    return ", ".join(words)


def waiting_lines(status: SweepStatus, now: datetime) -> tuple[str, ...]:
    """A line for each thing that queued tasks wait for: 3 tasks wait: 1 task is before it on alpha.cpu, for 40 s."""
    groups: dict[str, list[Waiting]] = {}
    for waiting in _queued(status):
        groups.setdefault(waiting.message, []).append(waiting)
    return tuple(
        f"{'1 task waits' if len(group) == 1 else f'{len(group)} tasks wait'}: {in_words(_longest(group), now)}"
        for group in groups.values()
    )


def waiting_news(before: SweepStatus | None, status: SweepStatus, now: datetime) -> Iterator[str]:
    """A line for each running task that has begun to wait; where none runs, for what the sweep waits for instead."""
    known = {task.id: task.waiting.message for task in before.tasks if task.waiting} if before else {}
    running = [task for task in status.tasks if task.state is TaskState.RUNNING]
    for task in running:
        if task.waiting is not None and known.get(task.id) != task.waiting.message:
            yield f"{name_of(task)} waits: {in_words(task.waiting, now)}"
    first = next(_queued(status), None)
    if not running and first is not None and first.message not in known.values():
        yield f"waits: {in_words(first, now)}"


def name_of(task: TaskStatus) -> str:
    """Benchmark tflite-int8 on alpha.cpu."""
    return f"{task.kind} {task.label}" + (f" on {task.device}" if task.device else "")


def _queued(status: SweepStatus) -> Iterator[Waiting]:
    for task in status.tasks:
        if task.waiting and task.state is not TaskState.RUNNING and task.waiting.reason not in _SAID_ELSEWHERE:
            yield task.waiting


def _longest(group: list[Waiting]) -> Waiting:
    return min(group, key=lambda each: (each.since is None, each.since.timestamp() if each.since else 0.0))
