"""What is decided next, for every order of the input."""

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest

from optfarm_scheduler.decisions.actions import Action, Block, Dispatch, EndSweep, Expire, GiveUp, Recall, Resolve, Skip
from optfarm_scheduler.decisions.schedule import schedule
from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask
from optfarm_tasks.schema.sweep import TaskState
from tests.unit.occupied import NOW, benchmark, convert, device


def decide(
    tasks: Iterable[OpenTask], devices: Iterable[KnownDevice], *, now: float = NOW, since: float = 0.0
) -> list[Action]:
    there, present = list(tasks), list(devices)
    answers = {
        schedule(some, others, now, since=since)
        for some in itertools.islice(itertools.permutations(there), 24)
        for others in itertools.permutations(present)
    }
    assert len(answers) == 1, "the order of the input changed the answer"
    return [action for action in answers.pop() if not isinstance(action, EndSweep)]


def test_a_ready_task_goes_to_a_device_that_offers_what_it_needs() -> None:
    assert decide([convert("a")], [device("x.cpu", versions={"tensorflow": "2.17"}), device("y.cpu")]) == [
        Dispatch("a", "y.cpu")
    ]


def test_a_device_gets_at_most_two_messages() -> None:
    tasks = [convert(name, position=index) for index, name in enumerate("abcd")]

    assert decide(tasks, [device("x.cpu")]) == [Dispatch("a", "x.cpu"), Dispatch("b", "x.cpu")]


def test_work_is_spread_by_load() -> None:
    tasks = [
        convert("r", TaskState.RUNNING, device="x.cpu", lease_until=NOW + 9),
        convert("a"),
        convert("b", position=1),
    ]

    assert decide(tasks, [device("x.cpu"), device("y.cpu")]) == [Dispatch("a", "y.cpu"), Dispatch("b", "x.cpu")]


def test_a_benchmark_waits_for_its_device() -> None:
    assert decide([benchmark("b", "y.cpu")], [device("x.cpu"), device("y.cpu", seen=NOW - 60)]) == []


def test_a_benchmark_waits_until_its_host_is_idle() -> None:
    tasks = [convert("a", TaskState.RUNNING, device="x.gpu-0", lease_until=NOW + 9), benchmark("b", "x.cpu")]

    assert decide(tasks, [device("x.cpu"), device("x.gpu-0")]) == []


def test_nothing_joins_a_benchmark_on_its_host_but_what_its_device_does_next() -> None:
    tasks = [benchmark("b", "x.cpu", TaskState.RUNNING, device="x.cpu", lease_until=NOW + 9), convert("a")]

    assert decide(tasks, [device("x.cpu"), device("x.gpu-0")]) == [Dispatch("a", "x.cpu")]


def test_later_work_does_not_starve_a_waiting_benchmark() -> None:
    tasks = [
        convert("r", TaskState.RUNNING, device="x.gpu-0", lease_until=NOW + 9),
        benchmark("b", "x.cpu", ready_at=1),
        convert("later", ready_at=2),
    ]

    assert decide(tasks, [device("x.cpu"), device("x.gpu-0")]) == []
    assert decide(tasks, [device("x.cpu"), device("x.gpu-0"), device("y.cpu")]) == [Dispatch("later", "y.cpu")]


def test_equal_work_is_not_done_twice_at_once() -> None:
    tasks = [convert("a", key="same"), convert("b", position=1, key="same")]

    assert decide(tasks, [device("x.cpu"), device("y.cpu")]) == [Dispatch("a", "x.cpu")]


def test_a_task_is_resolved_once_its_inputs_are_made() -> None:
    tasks = [
        convert("a", TaskState.DONE),
        convert("b", TaskState.RUNNING, device="x.cpu", lease_until=NOW + 9),
        convert("c", TaskState.PENDING, depends_on=("a",)),
        convert("d", TaskState.PENDING, depends_on=("a", "b")),
    ]

    assert decide(tasks, [device("x.cpu")]) == [Resolve("c")]


@pytest.mark.parametrize("state", [TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED])
def test_a_task_whose_input_will_never_be_made_is_blocked(state: TaskState) -> None:
    tasks = [convert("a", state), convert("b", TaskState.PENDING, depends_on=("a",))]

    assert decide(tasks, [device("x.cpu")]) == [Block("b")]


def test_what_takes_the_outputs_of_a_skipped_task_is_skipped_too_unless_another_input_failed() -> None:
    skipped, failed = convert("a", TaskState.SKIPPED), convert("b", TaskState.FAILED)
    tasks = [
        skipped,
        failed,
        convert("c", TaskState.PENDING, depends_on=("a",)),
        convert("d", TaskState.PENDING, depends_on=("a", "b")),
    ]

    assert decide(tasks, [device("x.cpu")]) == [Skip("c"), Block("d")]


def test_a_lease_that_ran_out_expires_and_at_last_is_given_up() -> None:
    tasks = [
        convert("a", TaskState.RUNNING, device="x.cpu", lease_until=NOW - 1, attempt=1),
        convert("b", TaskState.RUNNING, device="y.cpu", lease_until=NOW - 1, attempt=5),
    ]

    assert decide(tasks, [device("x.cpu"), device("y.cpu")]) == [Expire("a"), GiveUp("b")]


def test_leases_are_given_time_after_a_restart() -> None:
    tasks = [convert("a", TaskState.RUNNING, device="x.cpu", lease_until=NOW - 60, attempt=1)]

    assert decide(tasks, [device("x.cpu", seen=NOW - 60)], since=NOW - 10) == []
    assert decide(tasks, [device("x.cpu", seen=NOW - 60)], since=NOW - 16) == [Expire("a")]


def test_a_clock_set_back_ends_no_lease_that_is_kept_and_lets_one_that_is_not_run_out() -> None:
    before = [convert("dead", TaskState.RUNNING, device="x.cpu", lease_until=NOW + 135)]
    kept = [convert("live", TaskState.RUNNING, device="y.cpu", lease_until=NOW + 30, position=1)]
    there = [device("y.cpu", seen=NOW + 15)]

    assert decide([*before, *kept], there, now=NOW + 15, since=NOW) == []
    assert decide([*before, *kept], there, now=NOW + 16, since=NOW) == [Expire("dead")]


def test_a_device_that_was_seen_in_the_future_is_taken_for_silent() -> None:
    assert decide([convert("a")], [device("x.cpu", seen=NOW + 120)]) == []


def test_what_an_idle_device_did_not_claim_is_sent_again() -> None:
    lost = convert("a", TaskState.DISPATCHED, device="x.cpu", dispatched_at=NOW - 6)

    assert decide([lost], [device("x.cpu")]) == [Dispatch("a", "x.cpu")]
    assert decide([lost], [device("x.cpu"), device("y.cpu")]) == [Dispatch("a", "y.cpu")]
    assert decide([lost], [device("x.cpu", freed=NOW - 4)]) == []
    assert decide([replace(lost, dispatched_at=NOW - 4)], [device("x.cpu")]) == []


def test_what_waits_behind_a_running_task_is_not_sent_again() -> None:
    tasks = [
        convert("r", TaskState.RUNNING, device="x.cpu", lease_until=NOW + 9),
        convert("a", TaskState.DISPATCHED, device="x.cpu", dispatched_at=NOW - 600),
    ]

    assert decide(tasks, [device("x.cpu"), device("y.cpu")]) == []


def test_the_messages_of_a_dead_device_go_elsewhere() -> None:
    tasks = [
        convert("a", TaskState.DISPATCHED, device="x.cpu", dispatched_at=NOW - 1),
        benchmark("b", "x.cpu", TaskState.DISPATCHED, device="x.cpu", dispatched_at=NOW - 1),
    ]

    assert decide(tasks, [device("x.cpu", seen=NOW - 20), device("y.cpu")]) == [Dispatch("a", "y.cpu"), Recall("b")]


def test_a_sweep_ends_with_its_last_task() -> None:
    ended = [convert("a", TaskState.DONE), convert("b", TaskState.FAILED)]

    assert schedule(ended, [], NOW) == (EndSweep("s"),)
    assert schedule([*ended, convert("c", TaskState.PENDING, depends_on=("a",))], [], NOW) == (Resolve("c"),)
