"""What a task that does not run waits for."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask
from optfarm_scheduler.decisions.waits import waits
from optfarm_tasks.schema.sweep import TaskState
from optfarm_tasks.schema.waiting import Waiting, WaitsFor
from tests.unit.occupied import NOW, QUARANTINED, benchmark, canary, convert, device, faulty

RUNNING, DISPATCHED = TaskState.RUNNING, TaskState.DISPATCHED


def of(task: OpenTask, *others: OpenTask, devices: Sequence[KnownDevice] = (device("x.cpu"),)) -> Waiting:
    return waits([task, *others], devices, NOW)[task.id]


def test_a_task_behind_another_names_it_its_sweep_and_how_many_there_are() -> None:
    runs = convert("r", RUNNING, device="x.cpu", sweep_id="other")
    earlier = [convert("e", ready_at=1), benchmark("f", "x.cpu", ready_at=2)]

    found = of(benchmark("b", "x.cpu", ready_at=3), runs, *earlier)

    assert (found.reason, found.behind, found.behind_sweep, found.ahead) == (WaitsFor.DEVICE, "r", "other", 3)
    assert found.message == "3 tasks are before it on x.cpu; convert r of sweep other runs on x.cpu"
    assert found.since == datetime.fromtimestamp(3, UTC)


def test_a_task_that_was_sent_waits_behind_what_runs_on_its_device_alone() -> None:
    sent = convert("a", DISPATCHED, device="x.cpu")
    runs = convert("r", RUNNING, device="x.cpu", position=9)
    elsewhere = convert("q", RUNNING, device="y.cpu")

    found = of(sent, runs, elsewhere, devices=[device("x.cpu"), device("y.cpu")])

    assert (found.reason, found.behind, found.ahead) == (WaitsFor.DEVICE, "r", 1)


def test_a_task_that_was_sent_to_a_free_device_waits_for_its_worker() -> None:
    assert of(convert("a", DISPATCHED, device="x.cpu")).reason is WaitsFor.WORKER


@pytest.mark.parametrize("waits_alone", [True, False])
def test_a_benchmark_and_what_runs_beside_it_on_its_host_wait_for_each_other(*, waits_alone: bool) -> None:
    there = [device("x.cpu"), device("x.gpu-0")]
    pair = benchmark("b", "x.cpu"), convert("c", pinned_to="x.gpu-0")
    task, other = pair if waits_alone else pair[::-1]
    runs = replace(other, state=RUNNING, device=other.pinned_to)

    assert of(task, runs, devices=there).behind == other.id


def test_a_canary_that_runs_is_what_a_benchmark_waits_for() -> None:
    found = of(benchmark("b", "x.cpu"), canary("x.cpu", RUNNING, device="x.cpu"))

    assert (found.behind, found.behind_sweep) == ("canary of x.cpu", None)


def test_equal_work_is_waited_for() -> None:
    twin = convert("t", RUNNING, device="x.cpu", key="same", sweep_id="other")

    found = of(convert("a", key="same"), twin, devices=[device("x.cpu"), device("y.cpu")])

    assert (found.reason, found.behind, found.behind_sweep) == (WaitsFor.SAME_WORK, "t", "other")


def test_a_pending_task_names_what_makes_its_inputs() -> None:
    found = of(convert("e", TaskState.PENDING, depends_on=("d", "r")), convert("r"), convert("d", TaskState.DONE))

    assert found == Waiting(reason=WaitsFor.TASKS, message="its inputs are not made yet: convert r (ready)")


def test_a_silent_device_is_told_with_when_it_was_last_heard_of() -> None:
    found = of(benchmark("b", "x.cpu"), devices=[device("x.cpu", seen=NOW - 60), device("y.cpu")])

    assert (found.reason, found.message) == (WaitsFor.OFFLINE, "x.cpu is offline; start the worker there")
    assert found.since == datetime.fromtimestamp(NOW - 60, UTC)


def test_a_device_in_quarantine_is_told_with_the_way_out() -> None:
    found = of(benchmark("b", "x.cpu"), devices=[replace(device("x.cpu"), health=QUARANTINED)])

    assert found.reason is WaitsFor.QUARANTINE
    assert "optfarm devices release x.cpu" in found.message


def test_a_device_that_is_gone_takes_no_conversion_either_and_says_when_that_ends() -> None:
    gone = replace(faulty("x.cpu", "the GPU fell off the bus"), health=QUARANTINED)

    found = of(convert("a"), devices=[gone])

    assert found.reason is WaitsFor.QUARANTINE
    assert found.message.endswith("; it ends as soon as that is mended")
    assert "release" not in found.message


def test_a_toolchain_that_went_away_is_told_by_what_is_lacking() -> None:
    old = {"tensorflow": "2.17"}

    anywhere = of(convert("a"), devices=[device("x.cpu", versions=old)])
    there = of(convert("a", pinned_to="x.cpu"), devices=[device("x.cpu", versions=old), device("y.cpu")])

    lack = "no single toolchain with technique tflite-int8, tensorflow 2.21"
    assert anywhere.reason is there.reason is WaitsFor.TOOLCHAIN
    assert anywhere.message == f"no device has what it needs ({lack}); start a worker that has"
    assert there.message == f"x.cpu no longer has what it needs ({lack}); install that there"


def test_a_device_that_never_registered_is_named() -> None:
    assert of(benchmark("b", "z.cpu")).message == "z.cpu never registered here; start a worker"


@pytest.mark.parametrize("state", [RUNNING, TaskState.DONE, TaskState.FAILED])
def test_what_runs_or_has_ended_waits_for_nothing(state: TaskState) -> None:
    assert waits([convert("a", state, device="x.cpu")], [device("x.cpu")], NOW) == {}
