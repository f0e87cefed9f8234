"""The states of tasks and sweeps, and which may follow which."""

from collections.abc import Iterable, Mapping

from optfarm_tasks.schema.sweep import TaskState

_S = TaskState

MOVES: Mapping[TaskState, frozenset[TaskState]] = {
    # A lost task goes back to pending, not to ready: its result may lie in the store already.
    # What goes to another device begins there anew.
    _S.PENDING: frozenset({_S.PENDING, _S.READY, _S.DONE, _S.FAILED, _S.BLOCKED, _S.CANCELLED, _S.SKIPPED}),
    _S.READY: frozenset({_S.PENDING, _S.DISPATCHED, _S.DONE, _S.CANCELLED}),
    _S.DISPATCHED: frozenset({_S.DISPATCHED, _S.READY, _S.RUNNING, _S.CANCELLED}),
    _S.RUNNING: frozenset({_S.DONE, _S.FAILED, _S.PENDING, _S.CANCELLED, _S.SKIPPED}),
    _S.DONE: frozenset(),
    _S.FAILED: frozenset(),
    _S.BLOCKED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SKIPPED: frozenset(),
}
"""State → states that may follow it."""

ENDS = frozenset(state for state, following in MOVES.items() if not following)
"""States that nothing follows."""

IN_FLIGHT = frozenset({_S.DISPATCHED, _S.RUNNING})
"""States in which a task has a message or a lease on a device."""

SEVERITY = (
    _S.DONE,
    _S.SKIPPED,
    _S.PENDING,
    _S.READY,
    _S.DISPATCHED,
    _S.RUNNING,
    _S.CANCELLED,
    _S.BLOCKED,
    _S.FAILED,
)
"""From the best to the worst, as a row of a report sums up its tasks."""


def sources(to: TaskState) -> frozenset[TaskState]:
    """The states that may become this one."""
    return frozenset(state for state, following in MOVES.items() if to in following)


def worst(states: Iterable[TaskState]) -> TaskState:
    """The state that a row shows for all its tasks."""
    return max(states, key=SEVERITY.index)


def is_over(states: Iterable[TaskState]) -> bool:
    """Whether a sweep of such tasks has come to its end."""
    return all(state in ENDS for state in states)
