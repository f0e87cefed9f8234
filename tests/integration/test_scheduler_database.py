"""Results, names and devices in a real database, across restarts of it."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from optfarm_scheduler.decisions.actions import Block, Dispatch, Expire, Recall, Resolve
from optfarm_scheduler.decisions.schedule import schedule
from optfarm_scheduler.errors import Conflict, DatabaseFailed, NotFound
from optfarm_scheduler.store.ledger import Resolution
from optfarm_scheduler.store.tables import METADATA
from optfarm_tasks.schema.lease import Heartbeat
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import SweepSpec, TaskState
from tests.fakeworker import an_inventory
from tests.integration.scheduler_store import DEVICE, Store, a_store, finish, submit
from tests.pushes import new_model
from tests.results import a_result


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with a_store(database_url) as made:
        yield made


def test_migrations_make_the_tables_that_are_used(store: Store) -> None:
    with store.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_result_found_after_an_attempt_is_not_called_cached(store: Store) -> None:
    lease, _ = store.leased("a-1")
    store.apply(Expire("a-1"))

    store.ledger.settle([Resolution("a-1", lease.key, a_result(Kind.CONVERT, key=lease.key))], now=130.0)

    _, tasks = store.sweeps.tasks("a")
    assert (tasks[0].state, tasks[0].cached) == (TaskState.DONE, False)


def test_who_waits_for_equal_work_gets_its_result(store: Store) -> None:
    submit(store, "b")
    store.ready("b-1")
    lease, token = store.leased("a-1")

    changed = store.leases.finish("a-1", finish(lease, token), now=120.0)

    made, shared = store.tasks.find("a-1"), store.tasks.find("b-1")
    assert changed == {"a", "b"}
    assert (shared.state, shared.cached, shared.result) == (TaskState.DONE, True, made.result)


def test_fresh_work_has_keys_of_its_own(store: Store) -> None:
    submit(store, "b", fresh=True)
    submit(store, "c", fresh=True)

    keys = {store.ready(f"{sweep_id}-1")[0].key for sweep_id in "abc"}

    assert len(keys) == 3


def test_a_task_is_keyed_by_what_its_inputs_turned_out_to_be(store: Store) -> None:
    lease, token = store.leased("a-1")
    store.leases.finish("a-1", finish(lease, token), now=120.0)

    (resolution,) = store.ready("a-2")

    assert resolution.result is None
    assert store.task("a-2").state is TaskState.READY
    assert store.task("a-2").key == resolution.key


def test_what_changed_since_a_decision_is_left_alone(store: Store) -> None:
    store.leased("a-1")

    assert store.apply(Dispatch("a-1", DEVICE), Recall("a-1"), Block("a-1")) == ()
    assert store.task("a-1").state is TaskState.RUNNING


def test_everything_is_there_after_opening_again(store: Store) -> None:
    lease, token = store.leased("a-1")
    store.database.close()

    again = Store(store.url)

    assert again.task("a-1").state is TaskState.RUNNING
    again.leases.heartbeat("a-1", Heartbeat(token=token), now=110.0)
    again.leases.finish("a-1", finish(lease, token), now=120.0)
    actions = schedule(again.ledger.open_tasks(), again.devices.known(), 120.0)
    assert actions == (Resolve("a-2"),)
    again.database.close()


def test_a_name_means_what_was_pushed_last(store: Store) -> None:
    first, second = new_model(), new_model(content=b"another")
    store.models.register(second, now=2.0)
    assert store.models.find("model").tree == second.tree

    again = store.models.register(first, now=3.0)

    assert store.models.find("model").tree == first.tree
    assert store.models.find(second.tree.digest).tree == second.tree
    assert again.created_at == datetime.fromtimestamp(1.0, UTC)


def test_a_push_says_what_the_name_meant_until_then(store: Store) -> None:
    known, other = store.models.find("model"), new_model(content=b"another")

    moved = store.models.register(other, now=2.0)
    same = store.models.register(other, now=3.0)

    assert (moved.replaced, same.replaced) == (known.digest, None)
    assert store.models.find("model").replaced is None
    assert store.models.register(new_model("unheard"), now=4.0).replaced is None


def test_the_same_bytes_under_another_file_name_are_the_same_model(store: Store) -> None:
    first = store.models.register(new_model("first", b"net", path="first.tflite"), now=2.0)

    second = store.models.register(new_model("second", b"net", path="Second.TFLITE"), now=3.0)
    other_kind = store.models.register(new_model("third", b"net", path="first.onnx"), now=4.0)
    in_a_folder = store.models.register(new_model("fourth", b"net", path="weights/first.tflite"), now=5.0)

    assert (second.name, second.digest, second.tree) == ("second", first.digest, first.tree)
    assert len({first.digest, other_kind.digest, in_a_folder.digest}) == 3


def test_an_unknown_name_suggests_the_near_one(store: Store) -> None:
    store.models.register(new_model("pilotnet"), now=2.0)

    with pytest.raises(NotFound, match="did you mean 'pilotnet'"):
        store.models.find("pilotnte")


def test_a_device_is_news_when_it_is_new_changed_or_back(store: Store) -> None:
    changed = an_inventory().model_copy(update={"labels": {"rack": "7"}})

    assert not store.devices.register(an_inventory(), now=55.0)
    assert store.devices.register(changed, now=56.0)
    assert store.devices.register(changed, now=90.0)
    assert store.devices.register(an_inventory("beta"), now=90.0)
    assert [device.name for device in store.devices.alive(now=100.0)] == ["alpha.cpu", "beta.cpu"]


def test_a_sweep_that_is_there_already_is_not_stored_again(store: Store) -> None:
    before = store.sweeps.tasks("a")

    assert submit(store, "b") is True
    assert submit(store, "a", fresh=True) is False
    assert store.sweeps.tasks("a") == before


def test_what_the_database_refuses_is_an_error_of_the_scheduler(store: Store) -> None:
    with pytest.raises(DatabaseFailed), store.database.writing() as connection:
        connection.exec_driver_sql("SELECT * FROM nothing_of_this_name")


def test_another_sweep_under_the_same_id_is_refused(store: Store) -> None:
    other = SweepSpec(model="model", recipes=(Recipe.parse("tflite-int8"),))

    with pytest.raises(Conflict, match="choose another id"):
        store.sweeps.check_same("a", other)
