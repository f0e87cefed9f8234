"""Leases in a real database: who may claim, keep and end a task, and what the end changes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from optfarm_scheduler.decisions.actions import Block, Dispatch, EndSweep, Expire, GiveUp
from optfarm_scheduler.errors import LeaseLost
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.device import DeviceKind
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Progress
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.spec import Kind, Role
from optfarm_tasks.schema.sweep import SweepSpec, SweepState, TaskState
from tests.fakeworker import an_inventory
from tests.integration.scheduler_store import DEVICE, Store, a_plan, a_store, finish
from tests.pushes import new_model
from tests.results import a_result


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with a_store(database_url) as made:
        yield made


def test_a_claim_leads_to_a_lease_with_all_that_is_needed(store: Store) -> None:
    lease, token = store.leased("a-1")

    assert (lease.task_id, lease.sweep_id, lease.attempt, token) == ("a-1", "a", 1, 1)
    assert lease.task.inputs[Role.MODEL] == new_model().tree
    assert lease.toolchain == "default"


@pytest.mark.parametrize(
    ("needed", "kind"),
    [({"gpu": True}, DeviceKind.GPU), ({"runtimes": ("litert",)}, DeviceKind.GPU), ({}, DeviceKind.CPU)],
)
def test_a_task_that_runs_models_or_needs_a_gpu_computes_on_that_of_its_worker(
    store: Store, needed: dict[str, object], kind: DeviceKind
) -> None:
    gpu = an_inventory(slot="gpu-0")
    store.devices.register(gpu, now=51.0)
    first, *others = a_plan("b").tasks
    needing = replace(first, needs=first.needs.model_copy(update=needed))
    spec = SweepSpec(model="model", recipes=(first.recipe,))
    plan = replace(a_plan("b"), tasks=(needing, *others))
    store.sweeps.insert("b", spec, plan, model=spec.model, data=spec.data, now=52.0)
    store.ready("b-1")

    ((_, token, _),) = store.apply(Dispatch("b-1", gpu.name))

    assert store.leases.claim("b-1", Claim(token=token, device=gpu.name), now=100.0).task.device.kind is kind


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
    assert (tasks[0].state, tasks[0].cached, tasks[0].finished_at) == (
        TaskState.DONE,
        False,
        datetime.fromtimestamp(120.0, UTC),
    )


def test_a_result_under_another_key_is_refused(store: Store) -> None:
    _, token = store.leased("a-1")
    wrong = Finish(token=token, result=a_result(Kind.CONVERT, key="f" * 64), finished_at=datetime.now(UTC))

    with pytest.raises(LeaseLost, match="is wanted"):
        store.leases.finish("a-1", wrong, now=120.0)
    assert store.task("a-1").state is TaskState.RUNNING


def test_a_lost_worker_gives_its_task_back_until_it_was_tried_too_often(store: Store) -> None:
    failure = Failure(reason=Reason.WORKER_LOST, message="lost")

    for attempt in range(1, 6):
        lease, token = store.leased("a-1")
        assert lease.attempt == attempt
        store.leases.finish("a-1", Finish(token=token, failure=failure, finished_at=datetime.now(UTC)), now=120.0)

    assert store.task("a-1").state is TaskState.FAILED


def test_a_lease_given_up_fails_its_task_and_blocks_what_builds_on_it(store: Store) -> None:
    store.leased("a-1")
    store.apply(GiveUp("a-1"))
    store.apply(Block("a-2"))
    store.apply(EndSweep("a"))

    row, tasks = store.sweeps.tasks("a")
    assert (row.state, [task.state for task in tasks]) == (SweepState.DONE, [TaskState.FAILED, TaskState.BLOCKED])
    assert tasks[0].failure is not None
    assert tasks[0].failure.reason is Reason.WORKER_LOST


def test_a_cancelled_sweep_refuses_its_workers(store: Store) -> None:
    _, token = store.leased("a-1")

    store.sweeps.cancel("a", now=120.0)

    with pytest.raises(LeaseLost):
        store.leases.heartbeat("a-1", Heartbeat(token=token), now=121.0)
    row, tasks = store.sweeps.tasks("a")
    assert row.state == SweepState.CANCELLED
    assert {task.state for task in tasks} == {TaskState.CANCELLED}
