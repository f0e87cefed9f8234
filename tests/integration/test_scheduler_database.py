"""Leases, results and names in a real database, across restarts of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from optfarm_scheduler.actions import Action, Block, Dispatch, EndSweep, Expire, GiveUp, Recall, Resolve
from optfarm_scheduler.catalog import Catalog
from optfarm_scheduler.database import Database
from optfarm_scheduler.errors import Conflict, LeaseLost, NotFound
from optfarm_scheduler.floor import RULES, OpenTask
from optfarm_scheduler.leases import Leases, Terms
from optfarm_scheduler.ledger import Ledger, Resolution
from optfarm_scheduler.plan import Plan
from optfarm_scheduler.planner import TaskPlan
from optfarm_scheduler.presence import Devices
from optfarm_scheduler.pulse import Pulse
from optfarm_scheduler.schedule import schedule
from optfarm_scheduler.sweeps import Sweeps
from optfarm_scheduler.tables import METADATA, MODELS
from optfarm_scheduler.toolchains import Needs
from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import Reason
from optfarm_tasks.lease import Claim, Finish, Heartbeat, Lease, Progress
from optfarm_tasks.recipe import Recipe
from optfarm_tasks.result import Failure
from optfarm_tasks.spec import Convert, Evaluate, Kind, Role
from optfarm_tasks.sweep import Model, NewModel, SweepSpec, SweepState, TaskState
from optfarm_tasks.tree import File, Tree
from tests.fakeworker import an_inventory
from tests.results import SIGNATURE, a_result

DEVICE = "alpha.cpu"


@dataclass
class Store:
    """A database with its parts, which can be closed and opened again."""

    url: str

    def __post_init__(self) -> None:
        self.database, pulse = Database(self.url), Pulse()
        self.ledger = Ledger(self.database, pulse)
        self.leases = Leases(self.database, pulse, terms=Terms(), rules=RULES)
        self.sweeps = Sweeps(self.database)
        self.devices = Devices(self.database)
        self.models = Catalog(self.database, MODELS, Model)

    def task(self, task_id: str) -> OpenTask:
        return next(task for task in self.ledger.open_tasks() if task.id == task_id)

    def apply(self, *actions: Action, now: float = 100.0) -> tuple[tuple[str, int, str], ...]:
        messages = self.ledger.apply(actions, now=now).messages
        return tuple((each.task_id, each.token, each.device) for each in messages)

    def ready(self, *task_ids: str, now: float = 100.0) -> list[Resolution]:
        found = self.ledger.resolutions(task_ids)
        self.ledger.settle(found, now=now)
        return found

    def leased(self, task_id: str, *, now: float = 100.0) -> tuple[Lease, int]:
        self.ready(task_id)
        ((_, token, _),) = self.apply(Dispatch(task_id, DEVICE), now=now)
        return self.leases.claim(task_id, Claim(token=token, device=DEVICE), now=now), token


def new_model(name: str = "m", sha256: str = "1" * 64) -> NewModel:
    described = ModelDescription(format=Format.SAVED_MODEL, signatures=(SIGNATURE,), size_bytes=3)
    made = Tree(files=(File(path="saved_model.pb", sha256=sha256, size_bytes=3),))
    return NewModel(name=name, tree=made, description=described)


def a_plan(sweep_id: str) -> Plan:
    recipe, needs = Recipe.parse("baseline"), Needs(techniques=("baseline",))
    model = f"model:{new_model().tree.digest}"
    first = TaskPlan(
        id=f"{sweep_id}-1",
        kind=Kind.CONVERT,
        label="baseline",
        recipe=recipe,
        action=Convert(recipe=recipe),
        inputs={Role.MODEL: model},
        needs=needs,
    )
    made = f"task:{first.id}"
    second = TaskPlan(
        id=f"{sweep_id}-2",
        kind=Kind.EVALUATE,
        label="baseline",
        recipe=recipe,
        action=Evaluate(),
        inputs={Role.BASELINE: made, Role.CANDIDATE: made},
        needs=Needs(runtimes=("tensorflow",)),
    )
    return Plan(tasks=(first, second), devices=(an_inventory(),), skipped=(), warnings=())


def submit(store: Store, sweep_id: str, *, fresh: bool = False) -> None:
    spec = SweepSpec(model="m", recipes=(Recipe.parse("baseline"),), fresh=fresh)
    store.sweeps.insert(sweep_id, spec, a_plan(sweep_id), model=spec.model, data=spec.data, now=50.0)


def finish(lease: Lease, token: int) -> Finish:
    return Finish(token=token, result=a_result(Kind.CONVERT, key=lease.key), finished_at=datetime.now(UTC))


def lost(token: int, reason: Reason = Reason.WORKER_LOST) -> Finish:
    return Finish(token=token, failure=Failure(reason=reason, message="lost"), finished_at=datetime.now(UTC))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(f"sqlite:///{tmp_path}/farm.db")
    made.models.register(new_model(), now=1.0)
    made.devices.beat(an_inventory(), now=50.0)
    submit(made, "a")
    yield made
    made.database.close()


def test_migrations_make_the_tables_that_are_used(store: Store) -> None:
    with store.database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_claim_leads_to_a_lease_with_all_that_is_needed(store: Store) -> None:
    lease, token = store.leased("a-1")

    assert (lease.task_id, lease.sweep_id, lease.attempt, token) == ("a-1", "a", 1, 1)
    assert lease.task.inputs[Role.MODEL] == new_model().tree
    assert lease.toolchain == "default"


def test_the_same_claim_again_gets_the_same_lease(store: Store) -> None:
    lease, token = store.leased("a-1")

    assert store.leases.claim("a-1", Claim(token=token, device=DEVICE), now=101.0) == lease


@pytest.mark.parametrize("claim", [Claim(token=9, device=DEVICE), Claim(token=1, device="beta.cpu")])
def test_a_claim_under_another_token_or_device_is_refused(store: Store, claim: Claim) -> None:
    store.ready("a-1")
    store.apply(Dispatch("a-1", DEVICE))

    with pytest.raises(LeaseLost):
        store.leases.claim("a-1", claim, now=100.0)


def test_a_message_sent_again_voids_the_first(store: Store) -> None:
    store.ready("a-1")
    ((_, first, _),) = store.apply(Dispatch("a-1", DEVICE))
    ((_, second, _),) = store.apply(Dispatch("a-1", DEVICE))

    with pytest.raises(LeaseLost):
        store.leases.claim("a-1", Claim(token=first, device=DEVICE), now=100.0)
    assert store.leases.claim("a-1", Claim(token=second, device=DEVICE), now=100.0).attempt == 1


def test_a_heartbeat_keeps_the_lease_and_carries_progress(store: Store) -> None:
    _, token = store.leased("a-1", now=100.0)
    progress = Progress(phase="convert", fraction=0.5)

    assert store.leases.heartbeat("a-1", Heartbeat(token=token, progress=progress), now=110.0) == "a"
    assert store.leases.heartbeat("a-1", Heartbeat(token=token, progress=progress), now=111.0) is None
    assert store.task("a-1").lease_until == 111.0 + 15.0


def test_an_end_under_a_stale_token_changes_nothing(store: Store) -> None:
    lease, token = store.leased("a-1")
    store.apply(Expire("a-1"))
    before = store.task("a-1")

    with pytest.raises(LeaseLost):
        store.leases.heartbeat("a-1", Heartbeat(token=token), now=120.0)
    with pytest.raises(LeaseLost):
        store.leases.finish("a-1", finish(lease, token), now=120.0)
    assert store.task("a-1") == before
    assert before.state is TaskState.PENDING


def test_the_same_end_again_is_no_error(store: Store) -> None:
    lease, token = store.leased("a-1")
    store.leases.finish("a-1", finish(lease, token), now=120.0)

    store.leases.finish("a-1", finish(lease, token), now=130.0)

    _, tasks = store.sweeps.tasks("a")
    assert (tasks[0].state, tasks[0].cached, tasks[0].finished_at) == (TaskState.DONE, False, 120.0)


def test_a_result_under_another_key_is_refused(store: Store) -> None:
    _, token = store.leased("a-1")
    wrong = Finish(token=token, result=a_result(Kind.CONVERT, key="f" * 64), finished_at=datetime.now(UTC))

    with pytest.raises(LeaseLost, match="is wanted"):
        store.leases.finish("a-1", wrong, now=120.0)
    assert store.task("a-1").state is TaskState.RUNNING


def test_a_lost_worker_gives_its_task_back_until_it_was_tried_too_often(store: Store) -> None:
    for attempt in range(1, 6):
        lease, token = store.leased("a-1")
        assert lease.attempt == attempt
        store.leases.finish("a-1", lost(token), now=120.0)

    assert store.task("a-1").state is TaskState.FAILED


def test_a_lease_given_up_fails_its_task_and_blocks_what_builds_on_it(store: Store) -> None:
    store.leased("a-1")
    store.apply(GiveUp("a-1"))
    store.apply(Block("a-2"))
    store.apply(EndSweep("a"))

    row, tasks = store.sweeps.tasks("a")
    assert (row.state, [task.state for task in tasks]) == (SweepState.DONE, [TaskState.FAILED, TaskState.BLOCKED])
    assert tasks[0].failure["reason"] == Reason.WORKER_LOST


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

    store.leases.finish("a-1", finish(lease, token), now=120.0)

    _, tasks = store.sweeps.tasks("b")
    assert (tasks[0].state, tasks[0].cached, tasks[0].output_digest) == (TaskState.DONE, True, _digest(store))


def _digest(store: Store) -> str:
    _, tasks = store.sweeps.tasks("a")
    digest: str = tasks[0].output_digest
    return digest


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


def test_a_cancelled_sweep_refuses_its_workers(store: Store) -> None:
    _, token = store.leased("a-1")

    store.sweeps.cancel("a", now=120.0)

    with pytest.raises(LeaseLost):
        store.leases.heartbeat("a-1", Heartbeat(token=token), now=121.0)
    row, tasks = store.sweeps.tasks("a")
    assert row.state == SweepState.CANCELLED
    assert {task.state for task in tasks} == {TaskState.CANCELLED}


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
    actions = schedule(again.ledger.open_tasks(), again.devices.presences(), 120.0)
    assert actions == (Resolve("a-2"),)
    again.database.close()


def test_a_name_means_what_was_pushed_last(store: Store) -> None:
    first, second = new_model(), new_model(sha256="2" * 64)
    store.models.register(second, now=2.0)
    assert store.models.find("m").tree == second.tree

    again = store.models.register(first, now=3.0)

    assert store.models.find("m").tree == first.tree
    assert store.models.find(second.tree.digest).tree == second.tree
    assert again.created_at == datetime.fromtimestamp(1.0, UTC)


def test_an_unknown_name_suggests_the_near_one(store: Store) -> None:
    store.models.register(new_model("pilotnet"), now=2.0)

    with pytest.raises(NotFound, match="did you mean 'pilotnet'"):
        store.models.find("pilotnte")


def test_a_device_is_news_when_it_is_new_changed_or_back(store: Store) -> None:
    changed = an_inventory().model_copy(update={"labels": {"rack": "7"}})

    assert not store.devices.beat(an_inventory(), now=55.0)
    assert store.devices.beat(changed, now=56.0)
    assert store.devices.beat(changed, now=90.0)
    assert store.devices.beat(an_inventory("beta"), now=90.0)
    assert [device.name for device in store.devices.alive(now=100.0)] == ["alpha.cpu", "beta.cpu"]


def test_another_sweep_under_the_same_id_is_refused(store: Store) -> None:
    other = SweepSpec(model="m", recipes=(Recipe.parse("tflite-int8"),))

    with pytest.raises(Conflict, match="choose another id"):
        store.sweeps.check_same("a", other)
