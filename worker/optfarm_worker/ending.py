"""How a child ended, and what that means: its outcome, or a typed failure."""

import signal
from dataclasses import dataclass

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.result import Facts, Failure, Outcome
from optfarm_tasks.schema.spec import Limits, Task

LOG_TAIL_LINES = 20
LINE_CHARACTERS = 500
SUCCESS, TYPED_FAILURE = 0, 1
"""The child's exit codes that come with a result.json."""


@dataclass(frozen=True)
class ChildExit:
    """What the runner saw of a child."""

    how: str
    """exit, timeout, memory, processes, cancelled, unstartable, or lost when the runner itself was ended."""
    code: int = 0
    """The exit code; below 0 the signal."""
    at: float = 0.0
    """Seconds since the epoch."""
    duration_s: float = 0.0
    peak_rss_bytes: int = 0
    oom_kills: int = 0
    """How many processes of the host the kernel ended for want of memory meanwhile."""
    all_gone: bool = True
    message: str = ""
    """What the system said when the child could not be started."""


def judged(ending: ChildExit, outcome: Outcome | None, *, task: Task, log_tail: tuple[str, ...]) -> Facts | Failure:
    """The facts of a task that went well, or why it did not.

    Args:
        ending: how the child ended.
        outcome: result.json, if there is one that can be read.
        task: what the child was to do.
        log_tail: the last lines of its log.
    """
    if ending.how == "exit" and outcome is not None and ending.code in (SUCCESS, TYPED_FAILURE):
        return _told(ending.code, outcome, task=task, log_tail=log_tail)
    reason, message = _ended_from_outside(ending, task.limits) or _crashed(ending)
    return Failure(reason=reason, message=message, log_tail=log_tail)


def tail_of(log: str) -> tuple[str, ...]:
    """The last lines of a log, without the empty ones at its end, each of bounded length."""
    lines = log.rstrip().splitlines()[-LOG_TAIL_LINES:]
    return tuple(line[:LINE_CHARACTERS] for line in lines)


def _told(code: int, outcome: Outcome, *, task: Task, log_tail: tuple[str, ...]) -> Facts | Failure:
    facts, failure = outcome.facts, outcome.failure
    if failure is not None:
        return failure.model_copy(update={"log_tail": failure.log_tail or log_tail})
    if facts is not None and code == SUCCESS and facts.kind == task.action.kind:
        return facts
    told = "nothing" if facts is None else f"of {facts.kind}"
    message = f"the child was to {task.action.kind}; it ended with exit code {code}, and its result tells {told}"
    return Failure(reason=Reason.INTERNAL, message=message, log_tail=log_tail)


def _ended_from_outside(ending: ChildExit, limits: Limits) -> tuple[Reason, str] | None:
    how = ending.how
    if how == "exit" and ending.code == -signal.SIGKILL:
        how = "out of memory" if ending.oom_kills else "killed"
    bound = f"{limits.memory_bytes / 1e9:.2f} GB"
    return {
        "timeout": (Reason.TIMEOUT, f"not done after {limits.timeout_s:g} s, its limit; allow more time"),
        "memory": (Reason.OUT_OF_MEMORY, f"it took more than {bound} of memory, its limit; allow more"),
        "processes": (Reason.BAD_MODEL, "it started more processes than a task may have"),
        "unstartable": (Reason.MISSING_TOOLCHAIN, f"the child cannot be started: {ending.message}"),
        "cancelled": (Reason.WORKER_LOST, "the worker ended the child before it was done"),
        "lost": (Reason.WORKER_LOST, "somebody killed the child's supervisor"),
        "killed": (Reason.WORKER_LOST, "somebody outside the farm killed the child (SIGKILL)"),
        "out of memory": (Reason.OUT_OF_MEMORY, "the host ran out of memory, and its kernel ended the child"),
    }.get(how)


def _crashed(ending: ChildExit) -> tuple[Reason, str]:
    if ending.code < 0:
        return Reason.BAD_MODEL, f"the model's child crashed: {_signal_name(-ending.code)}"
    return Reason.BAD_MODEL, f"the model's child ended with exit code {ending.code} and left no result"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
