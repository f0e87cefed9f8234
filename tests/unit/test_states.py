"""The states of tasks and sweeps."""

import itertools

import pytest

from optfarm_scheduler.decisions.states import ENDS, MOVES, SEVERITY, move, sources, sweep_state, worst
from optfarm_scheduler.errors import IllegalMove
from optfarm_tasks.schema.sweep import SweepState, TaskState


def test_every_state_has_its_moves_and_its_severity() -> None:
    assert set(MOVES) == set(SEVERITY) == set(TaskState)


def test_ends_are_final() -> None:
    assert {TaskState.DONE, TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED} == ENDS
    for end, to in itertools.product(ENDS, TaskState):
        with pytest.raises(IllegalMove, match=f"a {end} task cannot become {to}"):
            move(end, to)


def test_every_move_is_allowed_or_refused() -> None:
    for state, to in itertools.product(TaskState, TaskState):
        if to in MOVES[state]:
            assert move(state, to) is to
        else:
            with pytest.raises(IllegalMove):
                move(state, to)


def test_every_task_can_come_to_its_end() -> None:
    for state in TaskState:
        reached = {state}
        while (more := reached.union(*(MOVES[each] for each in reached))) != reached:
            reached = more
        assert reached & ENDS


def test_whatever_has_not_ended_can_be_cancelled() -> None:
    assert sources(TaskState.CANCELLED) == set(TaskState) - ENDS


@pytest.mark.parametrize("state", sorted(set(TaskState) - {TaskState.DISPATCHED}))
def test_only_dispatched_tasks_can_be_claimed(state: TaskState) -> None:
    assert TaskState.RUNNING not in MOVES[state]


def test_a_row_shows_the_worst_of_its_tasks() -> None:
    assert worst([TaskState.DONE, TaskState.FAILED, TaskState.BLOCKED]) is TaskState.FAILED
    assert worst([TaskState.DONE, TaskState.RUNNING]) is TaskState.RUNNING
    assert worst([TaskState.DONE]) is TaskState.DONE


def test_a_sweep_is_done_when_all_its_tasks_ended() -> None:
    assert sweep_state([TaskState.DONE, TaskState.FAILED], is_cancelled=False) is SweepState.DONE
    assert sweep_state([TaskState.DONE, TaskState.READY], is_cancelled=False) is SweepState.RUNNING
    assert sweep_state([TaskState.DONE, TaskState.READY], is_cancelled=True) is SweepState.CANCELLED
