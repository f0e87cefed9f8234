"""The progress of a sweep as text: counts, running tasks, and what is new since the last state. Pure."""

from collections import Counter
from datetime import datetime

from optfarm.durations import shown_s
from optfarm.waits import in_words, name_of, waiting_news
from optfarm_tasks.schema.sweep import SweepState, SweepStatus, TaskState, TaskStatus

_WELL = (TaskState.DONE, TaskState.SKIPPED)
_BADLY = (TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED)
_ENDED = frozenset({*_WELL, *_BADLY})
_QUEUED = frozenset({TaskState.PENDING, TaskState.READY, TaskState.DISPATCHED})


def headline(status: SweepStatus) -> str:
    """One line: 3 queued, 1 running, 8 done of 12 (2 from the store), 1 failed, about 40 s to go."""
    counts = Counter(task.state for task in status.tasks)
    cached = sum(task.cached for task in status.tasks)
    queued = sum(counts[state] for state in _QUEUED)
    words = [
        f"{queued} queued" if queued else "",
        f"{counts[TaskState.RUNNING]} running" if counts[TaskState.RUNNING] else "",
        f"{counts[TaskState.DONE]} done of {len(status.tasks)}" + (f" ({cached} from the store)" if cached else ""),
        *(f"{counts[state]} {state}" for state in (TaskState.SKIPPED, *_BADLY) if counts[state]),
        f"about {shown_s(status.eta_s)} to go" if status.eta_s is not None and is_open(status) else "",
    ]
    return ", ".join(word for word in words if word)


def running_lines(status: SweepStatus, now: datetime) -> tuple[str, ...]:
    """A line for each running task: what, where, its phase and percentage, or what it waits for."""
    return tuple(_running(task, now) for task in status.tasks if task.state is TaskState.RUNNING)


def news(before: SweepStatus | None, now: SweepStatus, at: datetime) -> tuple[str, ...]:
    """What a reader of a log wants to know: which tasks began and ended, new waits, then new problems."""
    known = {task.id: task.state for task in before.tasks} if before else {}
    total = len(now.tasks)
    changed = [task for task in now.tasks if known.get(task.id) != task.state]
    shown = [task for task in changed if task.state in _ENDED or task.state is TaskState.RUNNING]
    lines = [f"[{done_count(now)}/{total}] {_change(task)}" for task in shown]
    return (
        *lines,
        *waiting_news(before, now, at),
        *(problem for problem in now.problems if before is None or problem not in before.problems),
    )


def done_count(status: SweepStatus) -> int:
    """How many tasks have ended, well or not."""
    return sum(task.state in _ENDED for task in status.tasks)


def is_open(status: SweepStatus) -> bool:
    """Whether the sweep still runs."""
    return status.state is SweepState.RUNNING


def exit_code(status: SweepStatus) -> int:
    """0 when every variant ended well or was skipped, 1 when one did not, or the sweep was cancelled."""
    ended_badly = any(task.state in _BADLY for task in status.tasks)
    return 1 if ended_badly or status.state is SweepState.CANCELLED else 0


def _running(task: TaskStatus, now: datetime) -> str:
    if task.waiting is not None:
        return f"{name_of(task)} waits: {in_words(task.waiting, now)}"
    if task.progress is None:
        return f"{name_of(task)}: starting"
    return f"{name_of(task)}: {task.progress.phase} {task.progress.fraction:.0%}"


def _change(task: TaskStatus) -> str:
    if task.state is TaskState.RUNNING:
        return f"{name_of(task)} runs"
    if task.state is TaskState.SKIPPED:
        return f"{name_of(task)} skipped" + (f": {task.failure.message}" if task.failure else "")
    reason = f": {task.failure.reason}, {task.failure.message}" if task.failure else ""
    return f"{name_of(task)} {'done, from the store' if task.cached else task.state}{reason}"
