"""How a child exited, and what that means for its task: the facts it found, or a failure with its reason."""

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
    """What the supervisor saw of a child."""

    how: str
    """exit, timeout, memory, processes or cancelled; unstartable, unconfined or busy when it was not started; lost when
    the supervisor itself was ended."""
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


def facts_or_failure(
    child_exit: ChildExit, outcome: Outcome | None, *, task: Task, log_tail: tuple[str, ...]
) -> Facts | Failure:
    """The facts of a task that went well, or why it did not.

    Args:
        child_exit: how the child ended.
        outcome: result.json, if there is one that can be read.
        task: what the child was to do.
        log_tail: the last lines of its log.
    """
    if child_exit.how == "exit" and outcome is not None and child_exit.code in (SUCCESS, TYPED_FAILURE):
        return _reported(child_exit.code, outcome, task=task, log_tail=log_tail)
    reason, message = _ended_from_outside(child_exit, task.limits) or _crashed(child_exit)
    return Failure(reason=reason, message=message, log_tail=log_tail)


def tail_of(log: str) -> tuple[str, ...]:
    """The last lines of a log, without the empty ones at its end, each of limited length."""
    lines = log.rstrip().splitlines()[-LOG_TAIL_LINES:]
    return tuple(line[:LINE_CHARACTERS] for line in lines)


def _reported(code: int, outcome: Outcome, *, task: Task, log_tail: tuple[str, ...]) -> Facts | Failure:
    facts, failure = outcome.facts, outcome.failure
    if failure is not None:
        return failure.model_copy(update={"log_tail": failure.log_tail or log_tail})
    if facts is not None and code == SUCCESS and facts.kind == task.action.kind:
        return facts
    found = "nothing" if facts is None else f"facts of {facts.kind}"
    message = f"the child was to {task.action.kind}; it ended with exit code {code}, and its result holds {found}"
    return Failure(reason=Reason.INTERNAL, message=message, log_tail=log_tail)


def _ended_from_outside(child_exit: ChildExit, limits: Limits) -> tuple[Reason, str] | None:
    how = child_exit.how
    if how == "exit" and child_exit.code == -signal.SIGKILL:
        how = "out of memory" if child_exit.oom_kills else "killed"
    memory = f"{limits.memory_bytes / 1e9:.2f} GB"
    return {
        "timeout": (Reason.TIMEOUT, f"not done after {limits.timeout_s:g} s, its limit; allow more time"),
        "memory": (Reason.OUT_OF_MEMORY, f"it took more than {memory} of memory, its limit; allow more"),
        "processes": (Reason.BAD_MODEL, "it started more processes than a task may have"),
        "unstartable": (Reason.MISSING_TOOLCHAIN, f"the child cannot be started: {child_exit.message}"),
        "unconfined": (Reason.INTERNAL, f"the system refuses the child's limits: {child_exit.message}"),
        "busy": (Reason.WORKER_LOST, f"the host cannot start a process now: {child_exit.message}"),
        "cancelled": (Reason.WORKER_LOST, "the worker ended the child before it was done"),
        "lost": (Reason.WORKER_LOST, "somebody killed the child's supervisor"),
        "killed": (Reason.WORKER_LOST, "somebody outside the farm killed the child (SIGKILL)"),
        "out of memory": (Reason.OUT_OF_MEMORY, "the host ran out of memory, and its kernel ended the child"),
    }.get(how)


def _crashed(child_exit: ChildExit) -> tuple[Reason, str]:
    if child_exit.code < 0:
        known = -child_exit.code in set(signal.Signals)
        name = signal.Signals(-child_exit.code).name if known else f"signal {-child_exit.code}"
        return Reason.BAD_MODEL, f"the model's child crashed: {name}"
    return Reason.BAD_MODEL, f"the model's child ended with exit code {child_exit.code} and left no result"
