"""What a task waits for, as the real scheduler tells it over HTTP."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import SweepStatus, TaskState, TaskStatus
from optfarm_tasks.schema.waiting import Holder, Waiting, WaitsFor
from tests.fakeworker import FakeWorker
from tests.integration.scheduler_farm import Farm, a_farm
from tests.servers import S3Server, serving
from tests.waiting import until

SEEDS = count(1)
FIRST, SECOND = "0000000000a1", "0000000000a2"
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
MACHINE = Waiting(
    reason=WaitsFor.MACHINE,
    message="process 4711 (optfarm-worker) holds this machine's lock",
    since=SINCE,
    holders=(Holder(pid=4711, name="optfarm-worker"),),
)
QUIET = Waiting(
    reason=WaitsFor.QUIET,
    message="attempt 1 of 4 was disturbed (preempted); 10 s for a quieter machine",
    since=SINCE,
    until=SINCE + timedelta(seconds=10),
    flags=("preempted",),
    attempt=1,
    attempts=4,
)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with serving(S3Server(folder)) as store, a_farm(folder, store) as farm:
        yield farm


@pytest.fixture
def farm(servers: Farm, tmp_path: Path) -> Iterator[Farm]:
    servers.broker.flush()
    servers.schedule(tmp_path / "farm.db")
    servers.push("model")
    yield servers
    servers.scheduler.kill()


@pytest.fixture
def worker(farm: Farm) -> Iterator[FakeWorker]:
    made = farm.new_worker()
    made.register()
    yield made
    made.stop()


def task_of(farm: Farm, task_id: str) -> TaskStatus:
    return TaskStatus.model_validate_json(farm.user.get(f"/v1/tasks/{task_id}").content)


@pytest.mark.parametrize("waiting", [MACHINE, QUIET])
def test_a_wait_that_a_worker_reports_is_told_until_the_task_goes_on(
    farm: Farm, worker: FakeWorker, waiting: Waiting
) -> None:
    farm.submit(FIRST, seed=next(SEEDS))
    lease, token = worker.claimed()

    worker.heartbeat(lease.task_id, token, Progress(phase="waiting", fraction=0, waiting=waiting))
    there = task_of(farm, lease.task_id), farm.status(FIRST).tasks[0]
    worker.heartbeat(lease.task_id, token, Progress(phase="pair 1/5", fraction=0.1))

    assert [task.waiting for task in there] == [waiting, waiting]
    assert task_of(farm, lease.task_id).waiting is None


def test_a_task_of_a_second_sweep_names_what_runs_on_its_device(farm: Farm, worker: FakeWorker) -> None:
    farm.submit(FIRST, seed=next(SEEDS))
    lease, _ = worker.claimed()
    farm.submit(SECOND, seed=next(SEEDS))

    waiting = task_of(farm, f"{SECOND}-001").waiting

    assert waiting is not None
    assert waiting.reason is WaitsFor.DEVICE
    assert (waiting.behind, waiting.behind_sweep) == (lease.task_id, FIRST)
    assert waiting.ahead is not None
    assert waiting.ahead >= 1
    assert waiting.since is not None


def test_a_silent_device_is_what_its_sweep_waits_for_and_watchers_learn_of_it(farm: Farm, worker: FakeWorker) -> None:
    farm.submit(FIRST, seed=next(SEEDS))
    until(lambda: task_of(farm, f"{FIRST}-001").state is TaskState.DISPATCHED, deadline_s=10)

    with farm.user.stream("GET", f"/v1/sweeps/{FIRST}/events") as stream:
        lines = (line for line in stream.iter_lines() if line.startswith("data: "))
        states = (SweepStatus.model_validate_json(line.removeprefix("data: ")) for line in lines)
        status = next(state for state in states if state.problems)

    waiting = status.tasks[0].waiting
    assert waiting is not None
    assert (waiting.reason, waiting.since) == (WaitsFor.OFFLINE, last_seen(farm, worker))
    assert status.problems == ("2 tasks wait: alpha.cpu is offline; start the worker there",)
    assert status.eta_s is None


def last_seen(farm: Farm, worker: FakeWorker) -> datetime:
    return datetime.fromisoformat(farm.user.get(f"/v1/devices/{worker.name}").json()["last_seen_at"])


def test_a_device_that_lost_its_toolchain_is_told_by_what_it_lacks(farm: Farm, worker: FakeWorker) -> None:
    farm.submit(FIRST, seed=next(SEEDS))
    lease, token = worker.claimed()
    worker.finish(lease, token)
    lease, token = worker.claimed()
    bare = worker.inventory.toolchains[0].model_copy(update={"runtimes": ()})
    worker.inventory = worker.inventory.model_copy(update={"toolchains": (bare,)})
    worker.register()
    worker.finish(lease, token)

    until(lambda: bool(farm.status(FIRST).problems), deadline_s=10)
    waits = [task.waiting for task in farm.status(FIRST).tasks if task.kind is Kind.BENCHMARK]

    assert [each.reason for each in waits if each] == [WaitsFor.TOOLCHAIN] * 2
    lacking = "1 measurement waits: alpha.cpu no longer has what it needs (no runtime "
    assert all(problem.startswith(lacking) for problem in farm.status(FIRST).problems)
