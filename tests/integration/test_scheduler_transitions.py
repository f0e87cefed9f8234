"""The gate through which tasks change their state, in a real database."""

import itertools
from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select

from optfarm_scheduler.decisions.states import MOVES
from optfarm_scheduler.store.tables import TASKS
from optfarm_scheduler.store.transitions import Change, Changed, cancel_tasks, transition
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState
from tests.integration.scheduler_store import DEVICE, Store, a_store


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with a_store(database_url) as made:
        yield made


def put(store: Store, task_id: str, state: TaskState, *, device: str | None = None) -> None:
    row = {"id": task_id, "sweep_id": "a", "position": 9, "kind": Kind.CONVERT, "label": "", "recipe": "baseline"}
    empty = {"action": {}, "inputs": {}, "needs": {}, "depends_on": [], "queued_at": 0.0}
    with store.database.writing() as connection:
        connection.execute(insert(TASKS).values(row | empty | {"state": state, "device": device}))


def state_of(store: Store, task_id: str) -> TaskState:
    with store.database.reading() as connection:
        return TaskState(connection.execute(select(TASKS.c.state).where(TASKS.c.id == task_id)).scalar_one())


def test_a_task_makes_the_allowed_moves_and_no_other(store: Store) -> None:
    for number, (state, to) in enumerate(itertools.product(TaskState, TaskState)):
        put(store, str(number), state)
        with store.database.writing() as connection:
            changed = transition(connection, TASKS.c.id == str(number), change=Change(to))

        assert bool(changed) is (to in MOVES[state]), f"{state} to {to}"
        assert state_of(store, str(number)) is (to if changed else state)


def test_what_was_decided_for_another_state_changes_nothing(store: Store) -> None:
    put(store, "x", TaskState.READY)

    with store.database.writing() as connection:
        which, change = TASKS.c.id == "x", Change(TaskState.CANCELLED)
        changed = transition(connection, which, change=change, before=(TaskState.RUNNING,))

    assert changed == ()
    assert state_of(store, "x") is TaskState.READY


def test_the_tasks_that_changed_are_returned_as_they_are_now(store: Store) -> None:
    for name, state in (("x", TaskState.READY), ("y", TaskState.DONE)):
        put(store, name, state)

    with store.database.writing() as connection:
        change = Change(TaskState.DISPATCHED, {"device": DEVICE, "token": 7})
        changed = transition(connection, TASKS.c.id.in_(["x", "y"]), change=change)

    assert changed == (Changed(sweep_id="a", device=DEVICE, token=7),)


def test_a_device_whose_task_is_cancelled_is_free_from_then_on(store: Store) -> None:
    put(store, "x", TaskState.RUNNING, device=DEVICE)

    with store.database.writing() as connection:
        cancel_tasks(connection, TASKS.c.id == "x", now=123.0)

    (device,) = store.devices.known()
    assert device.freed_at == 123.0
