"""What is decided through hundreds of random events, in which no rule may break and every task must end."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from optfarm_scheduler.decisions import actions
from optfarm_scheduler.decisions.canaries import CanaryRules
from optfarm_scheduler.decisions.schedule import schedule
from optfarm_scheduler.decisions.snapshot import OpenTask, Rules
from optfarm_scheduler.decisions.states import ENDS, IN_FLIGHT
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState
from tests.unit.occupied import BENCHMARKS, CONVERTS, GOOD, NOW, QUARANTINED, canary, convert, device

DEVICES = ("x.cpu", "x.gpu-0", "y.cpu", "z.cpu")
RULES = Rules()
OFTEN = CanaryRules(every_s=200, again_s=20, idle_s=5, patience_s=60)


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
        self.tasks[made.id] = replace(
            made, pinned_to=bound, kind=kind, needs=BENCHMARKS if bound else CONVERTS, key=key
        )

    def decide(self) -> tuple[actions.Action, ...]:
        tasks, devices = list(self.tasks.values()), list(self.devices.values())
        decided = schedule(tasks, devices, self.now, rules=RULES, canary_rules=OFTEN)
        self.chance.shuffle(tasks)
        self.chance.shuffle(devices)
        assert schedule(tasks, devices, self.now, rules=RULES, canary_rules=OFTEN) == decided
        return decided

    def change(self, task_id: str, **values: object) -> None:
        self.tasks[task_id] = replace(self.tasks[task_id], **values)

    def apply(self, action: actions.Action) -> None:
        match action:
            case actions.Dispatch(task_id, device_name):
                self.change(task_id, state=TaskState.DISPATCHED, device=device_name, dispatched_at=self.now)
            case actions.Resolve(task_id) | actions.Recall(task_id):
                self.change(
                    task_id, state=TaskState.READY, device=None, ready_at=self.tasks[task_id].ready_at or self.now
                )
            case actions.Expire(task_id):
                self.change(task_id, state=TaskState.PENDING, device=None)
            case actions.GiveUp(task_id):
                self.change(task_id, state=TaskState.FAILED)
            case actions.Block(task_id):
                self.change(task_id, state=TaskState.BLOCKED)
            case actions.Reassign(task_id, device_name):
                before = self.tasks[task_id]
                tried = (*before.tried, before.pinned_to or "")
                self.change(task_id, state=TaskState.PENDING, pinned_to=device_name, device=None, tried=tried)
            case actions.SendCanary(device_name, _):
                made = canary(device_name, TaskState.PENDING, key=f"canary {self.now}")
                self.tasks[f"{made.id} {self.now}"] = replace(made, id=f"{made.id} {self.now}")
                self.devices[device_name] = replace(self.devices[device_name], canary_at=self.now)

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
            health = self.devices[name].health
            if running[0].kind is Kind.CANARY:
                health = self.chance.choice([GOOD, GOOD, QUARANTINED])
            self.devices[name] = replace(self.devices[name], freed_at=self.now, health=health)
        elif running:
            self.change(running[0].id, lease_until=self.now + 15)
        elif mine and self.chance.random() < 0.8:
            first = min(mine, key=lambda task: task.dispatched_at)
            values = {"attempt": first.attempt + 1, "lease_until": self.now + 15}
            self.change(first.id, state=TaskState.RUNNING, **values)

    def check_trust(self, action: actions.Action) -> None:
        match action:
            case actions.Dispatch(task_id, device_name) | actions.Reassign(task_id, device_name):
                is_trusted = not self.devices[device_name].is_quarantined
                assert is_trusted or not self.tasks[task_id].kind.needs_trust, "a device in quarantine measures"
            case actions.SendCanary(device_name, _):
                assert not any(
                    task.kind is Kind.CANARY and task.pinned_to == device_name and task.state not in ENDS
                    for task in self.tasks.values()
                ), "two canaries wait for one device"

    def check(self) -> None:
        flying = [task for task in self.tasks.values() if task.state in IN_FLIGHT]
        for name in DEVICES:
            assert sum(task.device == name for task in flying) <= RULES.messages
        for task in flying:
            assert task.pinned_to in (None, task.device)
            if task.kind.runs_alone:
                host = (task.device or "").partition(".")[0]
                beside = {each.device for each in flying if (each.device or "").startswith(f"{host}.")}
                assert beside == {task.device}, "what reads clocks shares its host"
            if task.kind is Kind.CANARY:
                mine = [each for each in flying if each.device == task.device]
                assert max(mine, key=lambda each: each.dispatched_at) == task, "something looks ahead behind a canary"
        keys = [task.key for task in flying]
        assert len(keys) == len(set(keys)), "equal work is in flight twice"


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_happens_no_rule_is_broken_and_every_task_ends(seed: int) -> None:
    farm = Farm(random.Random(seed))  # noqa: S311 (chance, not secrecy)

    for _ in range(400):
        decided = farm.decide()
        for action in decided:
            farm.check_trust(action)
            farm.apply(action)
        farm.check()
        farm.happen()
        if any(isinstance(action, actions.EndSweep) for action in decided):
            break

    assert all(task.state in ENDS for task in farm.tasks.values() if task.kind is not Kind.CANARY)
