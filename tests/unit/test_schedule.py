"""What is decided next, for every order of the input."""

import itertools
import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optfarm_scheduler.actions import Action, Block, Dispatch, EndSweep, Expire, GiveUp, Recall, Resolve
from optfarm_scheduler.floor import OpenTask, Presence, Rules
from optfarm_scheduler.schedule import schedule
from optfarm_scheduler.states import ENDS, IN_FLIGHT
from optfarm_scheduler.toolchains import Needs
from optfarm_tasks.device import Inventory, Toolchain
from optfarm_tasks.spec import Kind
from optfarm_tasks.sweep import TaskState

NOW = 1_000_000.0
CONVERTS = Needs(techniques=("tflite-int8",), versions={"tensorflow": "2.21"})
BENCHMARKS = Needs(runtimes=("litert",))


def device(name: str, *, seen: float = NOW, freed: float = 0.0, versions: dict[str, str] | None = None) -> Presence:
    host, _, slot = name.partition(".")
    toolchain = Toolchain(
        python="python",
        versions=versions or {"tensorflow": "2.21"},
        techniques=("tflite-int8",),
        runtimes=("litert",),
    )
    inventory = Inventory(host=host, slot=slot, attributes={}, toolchains=(toolchain,))
    return Presence(inventory=inventory, last_seen_at=seen, freed_at=freed)


def convert(name: str, state: TaskState = TaskState.READY, **more: object) -> OpenTask:
    made = OpenTask(
        id=name, sweep_id="s", position=0, kind=Kind.CONVERT, state=state, needs=CONVERTS, key=f"key {name}"
    )
    return replace(made, **more)


def benchmark(name: str, bound: str, state: TaskState = TaskState.READY, **more: object) -> OpenTask:
    made = convert(name, state, bound=bound, **more)
    return replace(made, kind=Kind.BENCHMARK, needs=BENCHMARKS)


def decide(
    tasks: Iterable[OpenTask], devices: Iterable[Presence], *, now: float = NOW, since: float = 0.0
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


DEVICES = ("x.cpu", "x.gpu-0", "y.cpu", "z.cpu")
RULES = Rules()


class Farm:
    """Tasks and devices that live through what is decided and through random events."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.now = NOW
        self.devices = {name: device(name) for name in DEVICES}
        self.tasks: dict[str, OpenTask] = {}
        for index in range(chance.randint(1, 14)):
            self.add(index)

    def add(self, index: int) -> None:
        bound = self.chance.choice([None, *DEVICES])
        earlier = [each for each in self.tasks if self.tasks[each].kind is Kind.CONVERT]
        depends_on = (self.chance.choice(earlier),) if earlier and bound else ()
        made = convert(f"{index:02}", TaskState.PENDING, position=index, depends_on=depends_on)
        key = f"key {self.chance.randint(0, 9)}"
        kind = Kind.BENCHMARK if bound else Kind.CONVERT
        self.tasks[made.id] = replace(made, bound=bound, kind=kind, needs=BENCHMARKS if bound else CONVERTS, key=key)

    def decide(self) -> tuple[Action, ...]:
        tasks, devices = list(self.tasks.values()), list(self.devices.values())
        actions = schedule(tasks, devices, self.now, rules=RULES)
        self.chance.shuffle(tasks)
        self.chance.shuffle(devices)
        assert schedule(tasks, devices, self.now, rules=RULES) == actions
        return actions

    def change(self, task_id: str, **values: object) -> None:
        self.tasks[task_id] = replace(self.tasks[task_id], **values)

    def apply(self, action: Action) -> None:
        match action:
            case Dispatch(task_id, device_name):
                self.change(task_id, state=TaskState.DISPATCHED, device=device_name, dispatched_at=self.now)
            case Resolve(task_id) | Recall(task_id):
                self.change(
                    task_id, state=TaskState.READY, device=None, ready_at=self.tasks[task_id].ready_at or self.now
                )
            case Expire(task_id):
                self.change(task_id, state=TaskState.PENDING, device=None)
            case GiveUp(task_id):
                self.change(task_id, state=TaskState.FAILED)
            case Block(task_id):
                self.change(task_id, state=TaskState.BLOCKED)

    def happen(self) -> None:
        self.now += self.chance.choice([0.1, 1, 6, 16])
        for name in DEVICES:
            if self.chance.random() < 0.9:
                self.devices[name] = replace(self.devices[name], last_seen_at=self.now)
                self.work(name)

    def work(self, name: str) -> None:
        mine = [task for task in self.tasks.values() if task.device == name and task.state in IN_FLIGHT]
        running = [task for task in mine if task.state is TaskState.RUNNING]
        if running and self.chance.random() < 0.6:
            self.change(running[0].id, state=self.chance.choice([TaskState.DONE, TaskState.DONE, TaskState.FAILED]))
            self.devices[name] = replace(self.devices[name], freed_at=self.now)
        elif running:
            self.change(running[0].id, lease_until=self.now + 15)
        elif mine and self.chance.random() < 0.8:
            first = min(mine, key=lambda task: task.dispatched_at)
            values = {"attempt": first.attempt + 1, "lease_until": self.now + 15}
            self.change(first.id, state=TaskState.RUNNING, **values)

    def check(self) -> None:
        flying = [task for task in self.tasks.values() if task.state in IN_FLIGHT]
        for name in DEVICES:
            assert sum(task.device == name for task in flying) <= RULES.messages
        for task in flying:
            assert task.bound in (None, task.device)
            if task.kind is Kind.BENCHMARK:
                host = (task.device or "").partition(".")[0]
                beside = {each.device for each in flying if (each.device or "").startswith(f"{host}.")}
                assert beside == {task.device}, "a benchmark shares its host"
        keys = [task.key for task in flying]
        assert len(keys) == len(set(keys)), "equal work is in flight twice"


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_no_rule_is_broken_and_every_task_ends(seed: int) -> None:
    farm = Farm(random.Random(seed))  # noqa: S311 (chance, not secrecy)

    for _ in range(400):
        actions = farm.decide()
        for action in actions:
            assert isinstance(action, EndSweep) or action.task_id in farm.tasks
            farm.apply(action)
        farm.check()
        farm.happen()
        if any(isinstance(action, EndSweep) for action in actions):
            break

    assert all(task.state in ENDS for task in farm.tasks.values())
