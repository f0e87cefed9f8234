"""The states of tasks, which may follow which, and who may change them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from optfarm_scheduler import store
from optfarm_scheduler.decisions.states import ENDS, MOVES, SEVERITY, is_over, sources, worst
from optfarm_tasks.schema.sweep import TaskState

STORE = Path(str(store.__file__)).parent


def test_every_state_has_its_moves_and_its_severity() -> None:
    assert set(MOVES) == set(SEVERITY) == set(TaskState)


def test_ends_are_final() -> None:
    assert {TaskState.DONE, TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED, TaskState.SKIPPED} == ENDS
    assert all(not ENDS & sources(to) for to in TaskState)


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


def test_a_sweep_is_over_when_all_its_tasks_ended() -> None:
    assert is_over([TaskState.DONE, TaskState.FAILED])
    assert not is_over([TaskState.DONE, TaskState.READY])


def test_one_module_alone_writes_the_state_of_tasks() -> None:
    writers = {path.name for path in STORE.rglob("*.py") if any(_writes(ast.parse(path.read_text())))}

    assert writers == {"transitions.py"}


def _writes(tree: ast.AST) -> Iterator[bool]:
    """Where tasks are updated, or a task's state is a column's value."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"update", "TASKS.update", "sqlalchemy.update"}:
            yield "TASKS" in ast.unparse(node)
        if isinstance(node, ast.keyword) and node.arg == "state":
            yield ast.unparse(node.value).startswith(("TaskState.", "change."))
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield any(key and ast.unparse(key) == "'state'" and "TaskState." in ast.unparse(it) for key, it in pairs)
