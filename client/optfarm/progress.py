"""The progress of a sweep as text: counts, running tasks, and what is new since the last state. Pure."""

from collections import Counter

from optfarm_tasks.schema.sweep import SweepState, SweepStatus, TaskState, TaskStatus

_ENDED = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED})
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
        *(f"{counts[state]} {state}" for state in _ENDED - {TaskState.DONE} if counts[state]),
        f"about {shown_s(status.eta_s)} to go" if status.eta_s is not None and is_open(status) else "",
    ]
    return ", ".join(word for word in words if word)


def running_lines(status: SweepStatus) -> tuple[str, ...]:
    """A line for each running task: what, where, its phase and percentage."""
    return tuple(_running(task) for task in status.tasks if task.state is TaskState.RUNNING)


def news(before: SweepStatus | None, now: SweepStatus) -> tuple[str, ...]:
    """A line for each task whose state has changed in a way that a reader of a log wants to know; then new problems."""
    known = {task.id: task.state for task in before.tasks} if before else {}
    total = len(now.tasks)
    changed = [task for task in now.tasks if known.get(task.id) != task.state]
    shown = [task for task in changed if task.state in _ENDED or task.state is TaskState.RUNNING]
    lines = [f"[{done_count(now)}/{total}] {_change(task)}" for task in shown]
    return (*lines, *(problem for problem in now.problems if before is None or problem not in before.problems))


def done_count(status: SweepStatus) -> int:
    """How many tasks have ended, well or not."""
    return sum(task.state in _ENDED for task in status.tasks)


def is_open(status: SweepStatus) -> bool:
    """Whether the sweep still runs."""
    return status.state is SweepState.RUNNING


def exit_code(status: SweepStatus) -> int:
    """0 when every variant ended well, 1 when one did not, or the sweep was cancelled."""
    ended_badly = any(task.state in _ENDED - {TaskState.DONE} for task in status.tasks)
    return 1 if ended_badly or status.state is SweepState.CANCELLED else 0


def shown_s(seconds: float) -> str:
    """A duration as people say it: 40 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:  # noqa: PLR2004 (a minute)
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"  # noqa: PLR2004 (an hour)


def _name(task: TaskStatus) -> str:
    return f"{task.kind} {task.label}" + (f" on {task.device}" if task.device else "")


def _running(task: TaskStatus) -> str:
    if task.progress is None:
        return f"{_name(task)}: starting"
    return f"{_name(task)}: {task.progress.phase} {task.progress.fraction:.0%}"


def _change(task: TaskStatus) -> str:
    if task.state is TaskState.RUNNING:
        return f"{_name(task)} runs"
    reason = f": {task.failure.reason}, {task.failure.message}" if task.failure else ""
    return f"{_name(task)} {'done, from the store' if task.cached else task.state}{reason}"
