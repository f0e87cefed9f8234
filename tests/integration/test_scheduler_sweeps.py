"""The life of sweeps over HTTP, on a real broker and a real object store."""

import json
from collections.abc import Iterator
from itertools import count

import httpx
import pytest
from pydantic import TypeAdapter

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.api import SweepSummary
from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.sweep import SweepState, TaskState
from tests.fakeworker import an_inventory
from tests.integration.scheduler_farm import Farm, a_farm
from tests.pushes import new_model
from tests.servers import S3Server
from tests.waiting import until

IDS = (f"{number:012x}" for number in count(1))


@pytest.fixture(scope="module")
def farm(s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    folder = tmp_path_factory.mktemp("farm")
    with a_farm(folder, s3_server) as made:
        made.schedule(folder / "farm.db")
        made.push("model")
        yield made


@pytest.fixture
def sweep_id(farm: Farm) -> Iterator[str]:
    chosen = next(IDS)
    yield chosen
    farm.user.post(f"/v1/sweeps/{chosen}/cancel")


def is_over(farm: Farm, sweep_id: str) -> bool:
    return farm.status(sweep_id).state is not SweepState.RUNNING


def test_a_sweep_runs_to_its_report_and_the_next_one_is_cached(farm: Farm, sweep_id: str) -> None:
    worker = farm.new_worker()
    worker.register()
    worker.start()
    receipt = farm.submit(sweep_id, "tflite-float32", "tflite-float16", threads=[1, 2])
    until(lambda: is_over(farm, sweep_id), deadline_s=20)
    report, second = farm.report(sweep_id), next(IDS)

    again = farm.submit(second, "tflite-float32", "tflite-float16", threads=[1, 2])
    until(lambda: is_over(farm, second), deadline_s=5)
    worker.stop()

    listed = TypeAdapter(list[SweepSummary]).validate_json(farm.user.get("/v1/sweeps").content)
    assert [(each.id, each.tasks, each.done, each.failed) for each in listed[:2]] == [
        (second, 9, 9, 0),
        (sweep_id, 9, 9, 0),
    ]
    assert (receipt.tasks, receipt.cached, receipt.devices) == (9, 0, ("alpha.cpu",))
    assert len(worker.done) == len(set(worker.done)) == 9
    assert [(str(row.recipe), row.threads, row.state) for row in report.rows] == [
        (recipe, threads, TaskState.DONE)
        for recipe in ("baseline", "tflite-float32", "tflite-float16")
        for threads in (1, 2)
    ]
    assert all(row.measurement and row.measurement.ratio.null_value == 2.0 for row in report.rows)
    assert (again.tasks, again.cached) == (9, 9)
    assert all(row.cached for row in farm.report(second).rows)


def test_a_submit_may_be_repeated(farm: Farm, sweep_id: str) -> None:
    farm.new_worker().register()

    first, second = farm.submit(sweep_id, seed=1), farm.submit(sweep_id, seed=1)

    assert (first.id, first.tasks) == (second.id, second.tasks)
    refused = farm.put_sweep(sweep_id, seed=2)
    assert refused.status_code == 409
    assert refused.json()["title"] == "Conflict"


def test_watchers_see_the_progress_and_the_end(farm: Farm, sweep_id: str) -> None:
    worker = farm.new_worker()
    worker.register()
    farm.submit(sweep_id, seed=3)

    with farm.user.stream("GET", f"/v1/sweeps/{sweep_id}/events") as stream:
        lines = stream.iter_lines()
        assert _state(lines) == "running"
        lease, token = worker.claimed()
        worker.heartbeat(lease.task_id, token, Progress(phase="convert", fraction=0.5))
        while '"phase":"convert"' not in next(lines):
            pass
        farm.user.post(f"/v1/sweeps/{sweep_id}/cancel")
        assert [json.loads(line[5:])["state"] for line in lines if line.startswith("data:")][-1] == "cancelled"


def _state(lines: Iterator[str]) -> str:
    data = next(line for line in lines if line.startswith("data:"))
    state: str = json.loads(data.removeprefix("data:"))["state"]
    return state


def test_a_cancelled_task_is_refused_at_its_next_heartbeat(farm: Farm, sweep_id: str) -> None:
    worker = farm.new_worker()
    worker.register()
    farm.submit(sweep_id, seed=4)
    lease, token = worker.claimed()
    assert worker.heartbeat(lease.task_id, token).status_code == 204

    farm.user.post(f"/v1/sweeps/{sweep_id}/cancel")

    assert worker.heartbeat(lease.task_id, token).status_code == 409
    assert worker.finish(lease, token, store=False).status_code == 409


def test_a_lost_worker_loses_its_lease_and_another_attempt_counts(farm: Farm, sweep_id: str) -> None:
    worker = farm.new_worker()
    worker.register()
    farm.submit(sweep_id, seed=5)
    lease, stale = worker.claimed()

    def is_lost() -> bool:
        worker.register()
        return farm.user.get(f"/v1/tasks/{lease.task_id}").json()["state"] == "dispatched"

    until(is_lost, deadline_s=15)
    again, live = worker.claimed()
    while again.task_id != lease.task_id:
        worker.finish(again, live)
        again, live = worker.claimed()

    assert (again.task_id, again.key, again.attempt) == (lease.task_id, lease.key, 2)
    assert live > stale
    assert worker.finish(lease, stale, store=False).status_code == 409
    assert worker.finish(again, live).status_code == 204
    assert worker.finish(again, live).status_code == 204
    assert farm.user.get(f"/v1/tasks/{lease.task_id}").json()["result"]["key"] == lease.key


def test_a_failed_conversion_fails_its_variant_only(farm: Farm, sweep_id: str) -> None:
    worker = farm.new_worker()
    worker.register()
    farm.submit(sweep_id, seed=6)

    while not is_over(farm, sweep_id):
        lease, token = worker.claimed()
        is_variant = "tflite-float32" in lease.task.action.model_dump_json()
        ended = worker.fail(lease, token, Reason.UNSUPPORTED_OP) if is_variant else worker.finish(lease, token)
        assert ended.status_code == 204
        worker.register()
        farm.user.get("/v1/health")
        if {task.state for task in farm.status(sweep_id).tasks} <= {
            TaskState.DONE,
            TaskState.FAILED,
            TaskState.BLOCKED,
        }:
            until(lambda: is_over(farm, sweep_id), deadline_s=5)

    baseline, variant = farm.report(sweep_id).rows
    assert baseline.state is TaskState.DONE
    assert variant.state is TaskState.FAILED
    assert variant.failure is not None
    assert variant.failure.reason is Reason.UNSUPPORTED_OP


def test_a_conversion_with_nothing_to_do_is_skipped_with_its_variant(farm: Farm, sweep_id: str) -> None:
    worker = farm.new_worker()
    worker.register()
    farm.submit(sweep_id, seed=9)

    for _ in range(3):  # both conversions, and the benchmark of the baseline
        lease, token = worker.claimed()
        is_variant = "tflite-float32" in lease.task.action.model_dump_json()
        for _ in range(2):  # the same end twice is no error
            ended = worker.fail(lease, token, Reason.NOTHING_TO_DO) if is_variant else worker.finish(lease, token)
            assert ended.status_code == 204
        worker.register()
    until(lambda: is_over(farm, sweep_id), deadline_s=10)

    status = farm.status(sweep_id)
    baseline, variant = farm.report(sweep_id).rows
    assert {task.state for task in status.tasks if str(task.recipe) == "tflite-float32"} == {TaskState.SKIPPED}
    assert (baseline.state, variant.state) == (TaskState.DONE, TaskState.SKIPPED)
    assert variant.failure is not None
    assert variant.failure.reason is Reason.NOTHING_TO_DO
    (listed,) = (each for each in farm.user.get("/v1/sweeps").json() if each["id"] == sweep_id)
    assert (listed["state"], listed["failed"]) == ("done", 0)


def test_a_second_device_is_measured_too(farm: Farm, sweep_id: str) -> None:
    workers = [farm.new_worker(an_inventory(host)) for host in ("alpha", "beta")]
    for worker in workers:
        worker.register()
        worker.start()

    receipt = farm.submit(sweep_id, seed=7)
    until(lambda: is_over(farm, sweep_id), deadline_s=20)
    for worker in workers:
        worker.stop()

    assert receipt.devices == ("alpha.cpu", "beta.cpu")
    assert {(row.device, row.state) for row in farm.report(sweep_id).rows} == {
        ("alpha.cpu", TaskState.DONE),
        ("beta.cpu", TaskState.DONE),
    }


def test_a_task_can_be_run_again_from_its_folder(farm: Farm, sweep_id: str) -> None:
    farm.new_worker().register()
    farm.submit(sweep_id, seed=8)
    conversion, measured = farm.status(sweep_id).tasks[0], farm.status(sweep_id).tasks[1]

    folder = farm.user.get(f"/v1/tasks/{conversion.id}/folder").json()
    (file,) = new_model("model").tree.files

    assert folder["task"]["inputs"]["model"]["files"][0]["sha256"] == file.sha256
    assert httpx.get(folder["urls"][file.sha256]).content == b"model"
    assert farm.user.get(f"/v1/tasks/{measured.id}/folder").status_code == 409
