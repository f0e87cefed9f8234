"""Canaries, quarantines and moved benchmarks over HTTP, on a real broker and a real object store."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import httpx
import pytest

from optfarm_tasks.schema.health import Device, DeviceHealth, HealthState
from optfarm_tasks.schema.measurement import Flag, Verdict
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import SweepState, TaskState, TaskStatus
from tests.acceptance.commands import Cli
from tests.fakeworker import FakeWorker, an_inventory
from tests.integration.scheduler_farm import TOKENS, Farm, a_farm
from tests.results import a_measurement
from tests.servers import S3Server
from tests.waiting import until

IDS = (f"{number:012x}" for number in count(0xA00))
BENCHMARKS = 2
"""Of a sweep of one recipe: the baseline's twin is the other."""


@pytest.fixture(scope="module")
def farm(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with a_farm(folder, s3_server) as made:
        made.schedule(
            folder / "farm.db",
            OPTFARM_CANARY_EVERY_S="86400",
            OPTFARM_CANARY_AGAIN_S="0.001",
            OPTFARM_CANARY_IDLE_S="0",
        )
        made.push("model")
        yield made


@contextmanager
def working(farm: Farm, host: str) -> Iterator[FakeWorker]:
    """A worker that works; hosts whose names begin alike are of one class."""
    inventory = an_inventory(host)
    worker = farm.new_worker(inventory.model_copy(update={"attributes": hardware(host)}))
    worker.register()
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def hardware(host: str) -> dict[str, str | int | float]:
    return {"cores": 4, "cpu_model": host.partition("-")[0]}


def health(farm: Farm, host: str = "alpha") -> DeviceHealth:
    return Device.model_validate_json(farm.user.get(f"/v1/devices/{host}.cpu").content).health


def quarantine(farm: Farm, worker: FakeWorker) -> None:
    """Lets a device become known, then start again and be slow."""
    host = worker.inventory.host
    until(lambda: health(farm, host).state is HealthState.GOOD, deadline_s=20)
    worker.compute_ms = 2.0
    worker.inventory = worker.inventory.model_copy(update={"worker": secrets.token_hex(8)})
    until(lambda: health(farm, host).state is HealthState.QUARANTINED, deadline_s=20)


def release(farm: Farm, **wanted: bool) -> httpx.Response:
    return farm.user.post("/v1/devices/alpha.cpu/release", json=wanted)


def is_over(farm: Farm, sweep_id: str) -> bool:
    return farm.status(sweep_id).state is not SweepState.RUNNING


def tasks_of(farm: Farm, sweep_id: str, kind: Kind) -> list[TaskStatus]:
    return [task for task in farm.status(sweep_id).tasks if task.kind is kind]


def test_a_device_is_learnt_quarantined_and_released(farm: Farm) -> None:
    sweep_id = next(IDS)
    with working(farm, "alpha") as worker:
        quarantine(farm, worker)
        found = health(farm)
        receipt = farm.submit(sweep_id, devices=["alpha.cpu"])
        until(
            lambda: all(each.state is TaskState.DONE for each in tasks_of(farm, sweep_id, Kind.CONVERT)), deadline_s=9
        )
        until(lambda: bool(farm.status(sweep_id).problems), deadline_s=9)
        waiting = farm.status(sweep_id)
        # The worker goes on with slow canaries; one under way, and any later one of that day, counts for nothing.
        released = release(farm)
        until(lambda: is_over(farm, sweep_id), deadline_s=20)
        again = release(farm)
    anew = release(farm, anew=True)

    reason = "its compute canary took 2 ms, usual are 0.909 to 1.1 ms"
    assert (found.reason, found.good) == (reason, 8)
    assert found.compute is not None
    assert found.compute.usual_ns == pytest.approx(1e6)
    told = f"alpha.cpu is in quarantine ({reason}); `optfarm devices release alpha.cpu` ends that"
    assert receipt.warnings == (told,)
    assert waiting.problems == (f"{BENCHMARKS} measurements wait: {told}",)
    assert waiting.eta_s is None
    assert {each.state for each in waiting.tasks if each.kind is Kind.BENCHMARK} == {TaskState.READY}
    assert released.json()["health"]["state"] == HealthState.GOOD
    assert all(row.state is TaskState.DONE for row in farm.report(sweep_id).rows)
    usual = [lease.task.usual for lease in worker.leases if lease.task.action.kind is Kind.BENCHMARK]
    assert [it and (it.memory_ns, it.null_ci95) for it in usual] == [(pytest.approx(3e6), (0.99, 1.01))] * BENCHMARKS
    assert again.status_code == 409
    assert anew.json()["health"]["state"] == HealthState.UNTESTED
    assert farm.user.post("/v1/devices/nobody.cpu/release", json={}).status_code == 404
    assert farm.worker.post("/v1/devices/alpha.cpu/release", json={}).status_code == 403


def test_three_good_canaries_end_a_quarantine(farm: Farm) -> None:
    with working(farm, "delta") as worker:
        quarantine(farm, worker)
        worker.compute_ms = 1.0
        until(lambda: health(farm, "delta").state is HealthState.GOOD, deadline_s=20)

    assert (health(farm, "delta").reason, health(farm, "delta").good) == (None, 8 + 3)


def test_a_benchmark_leaves_a_quarantined_device_for_another_of_its_class(farm: Farm) -> None:
    sweep_id = next(IDS)
    with working(farm, "gamma-1") as sick, working(farm, "gamma-2"):
        quarantine(farm, sick)
        until(lambda: health(farm, "gamma-2").state is HealthState.GOOD, deadline_s=20)
        farm.submit(sweep_id, devices=["gamma-1.cpu"])
        until(lambda: is_over(farm, sweep_id), deadline_s=20)
        shown = Cli(farm.folder).ok("task", "show", tasks_of(farm, sweep_id, Kind.BENCHMARK)[0].id, **access(farm))
        listed = Cli(farm.folder).ok("devices", **access(farm))

    report, why = farm.report(sweep_id), "in quarantine: its compute canary took 2 ms, usual are 0.909 to 1.1 ms"
    assert {row.device for row in report.rows} == {"gamma-2.cpu"}
    assert report.devices["gamma-2.cpu"] == hardware("gamma-2")
    assert all(row.warnings == (f"not measured on gamma-1.cpu: {why}",) for row in report.rows)
    assert f"before that on gamma-1.cpu: {why}" in shown
    assert "quarantined since" in listed


def test_an_invalid_measurement_is_taken_again_on_another_host(farm: Farm) -> None:
    sweep_id = next(IDS)
    with working(farm, "epsilon-1") as busy, working(farm, "epsilon-2"):
        busy.measurement = a_measurement().model_copy(
            update={"verdict": Verdict.INVALID, "flags": (Flag.PREEMPTED,), "attempt": 4}
        )
        farm.submit(sweep_id, devices=["epsilon-1.cpu"])
        until(lambda: is_over(farm, sweep_id), deadline_s=20)

    for task in tasks_of(farm, sweep_id, Kind.BENCHMARK):
        (tried,) = task.tried
        assert (tried.device, tried.why) == ("epsilon-1.cpu", "invalid after 4 attempts (preempted)")
        assert tried.key not in (None, task.key)
        assert task.device == "epsilon-2.cpu"
    assert all(row.measurement and row.measurement.verdict is Verdict.CLEAN for row in farm.report(sweep_id).rows)


def test_what_is_invalid_everywhere_stays_so(farm: Farm) -> None:
    sweep_id, again = next(IDS), next(IDS)
    invalid = a_measurement().model_copy(update={"verdict": Verdict.INVALID})
    with working(farm, "zeta-1") as first, working(farm, "zeta-2") as second:
        first.measurement = second.measurement = invalid
        for each in (sweep_id, again):
            farm.submit(each, devices=["zeta-1.cpu"])
            until(lambda each=each: is_over(farm, each), deadline_s=20)

    for each in (sweep_id, again):
        measured = [row.measurement for row in farm.report(each).rows]
        assert [it and it.verdict for it in measured] == [Verdict.INVALID] * BENCHMARKS
        assert {len(task.tried) for task in tasks_of(farm, each, Kind.BENCHMARK)} == {1}
    assert all(row.cached for row in farm.report(again).rows)


def access(farm: Farm) -> dict[str, str]:
    return {"OPTFARM_URL": farm.url, "OPTFARM_TOKEN": TOKENS["user"]}
