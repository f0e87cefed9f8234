"""Whatever goes away while a sweep runs, the sweep ends with every result exactly once."""

import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from optfarm_tasks.schema.sweep import SweepState, TaskState
from tests.fakeworker import FakeWorker
from tests.integration.scheduler_farm import Farm, a_farm
from tests.servers import S3Server, serving
from tests.waiting import until

SEEDS = count(100)
SWEEP = "00000000fa17"
THREADS = [1, 2, 3, 4]
TASKS = 2 + 2 * len(THREADS)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with serving(S3Server(folder)) as store, a_farm(folder, store) as farm:
        yield farm


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "farm.db"


@pytest.fixture
def farm(servers: Farm, database: Path) -> Iterator[Farm]:
    servers.broker.flush()
    servers.schedule(database)
    servers.push("model")
    yield servers
    servers.scheduler.kill()


@pytest.fixture
def worker(farm: Farm) -> Iterator[FakeWorker]:
    made = farm.new_worker()
    made.register()
    yield made
    made.stop()


def submit(farm: Farm) -> int:
    """Submits a sweep whose results are not stored yet; gives how many results there were before."""
    before = farm.results()
    farm.submit(SWEEP, threads=THREADS, seed=next(SEEDS))
    return before


def is_over(farm: Farm) -> bool:
    return farm.status(SWEEP).state is SweepState.DONE


def check_exactly_once(farm: Farm, before: int) -> None:
    until(lambda: is_over(farm), deadline_s=30)
    tasks = farm.status(SWEEP).tasks
    assert [task.state for task in tasks] == [TaskState.DONE] * TASKS
    assert len({task.key for task in tasks}) == TASKS
    # An evaluation is not planned, and the seed is part of every key: each task stored one result of its own.
    assert farm.results() == before + TASKS


def kill_scheduler(farm: Farm, database: Path) -> None:
    farm.scheduler.kill()
    farm.schedule(database)


def kill_broker(farm: Farm, _database: Path) -> None:
    farm.broker.restart()


def flush_broker(farm: Farm, _database: Path) -> None:
    farm.broker.flush()


@pytest.mark.parametrize("fault", [kill_scheduler, kill_broker, flush_broker])
def test_a_fault_while_a_sweep_runs_loses_nothing(
    farm: Farm, worker: FakeWorker, database: Path, fault: Callable[[Farm, Path], None]
) -> None:
    before = submit(farm)
    lease, token = worker.claimed()

    fault(farm, database)
    worker.start()
    until(lambda: worker.finish(lease, token).status_code < 500, deadline_s=10)

    check_exactly_once(farm, before)
    assert len(worker.done) == len(set(worker.done))


def test_a_scheduler_killed_again_and_again_loses_nothing(farm: Farm, worker: FakeWorker, database: Path) -> None:
    before = submit(farm)
    worker.start()

    for done in (2, 5):
        until(lambda done=done: len(worker.done) >= done, deadline_s=20)
        kill_scheduler(farm, database)

    check_exactly_once(farm, before)
    assert len(worker.done) == len(set(worker.done))


def test_a_store_that_is_down_is_told_and_waited_for(farm: Farm, worker: FakeWorker) -> None:
    before = farm.results()
    farm.store.kill()

    answer = farm.user.post("/v1/blobs", json=[{"path": "x", "sha256": "a" * 64, "size_bytes": 1}])
    health = farm.user.get("/v1/health").json()
    farm.submit(SWEEP, threads=THREADS, seed=next(SEEDS))
    waiting = {task.state for task in farm.status(SWEEP).tasks}
    farm.store.start()
    worker.start()

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (health["status"], health["broker"], health["database"]) == ("degraded", "ok", "ok")
    assert waiting == {TaskState.PENDING}
    check_exactly_once(farm, before)


def test_a_submit_while_the_broker_is_down_is_sent_once_it_is_back(farm: Farm, worker: FakeWorker) -> None:
    farm.broker.kill()
    started = time.monotonic()

    before = submit(farm)

    assert time.monotonic() - started < 2
    until(lambda: farm.user.get("/v1/health").json()["broker"] != "ok", deadline_s=10)
    farm.broker.start()
    worker.start()
    check_exactly_once(farm, before)
    until(lambda: farm.user.get("/v1/health").json()["status"] == "ok", deadline_s=10)


def test_a_scheduler_starts_while_everything_else_is_down(servers: Farm, database: Path) -> None:
    servers.broker.kill()
    servers.store.kill()
    started = time.monotonic()

    servers.schedule(database)

    assert time.monotonic() - started < 5
    assert servers.user.get("/v1/health").json()["status"] == "degraded"
    assert servers.user.get("/v1/devices").json() == []
    servers.scheduler.kill()
    servers.store.start()
    servers.broker.start()


@pytest.mark.usefixtures("worker")
def test_a_scheduler_ends_quickly_though_somebody_watches(farm: Farm) -> None:
    submit(farm)

    with farm.user.stream("GET", f"/v1/sweeps/{SWEEP}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: status"
        started = time.monotonic()
        farm.scheduler.stop()
        assert time.monotonic() - started < 3
        assert [line for line in lines if line.startswith("event:")] in ([], ["event: status"])
