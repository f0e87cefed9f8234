"""A clock that is set while tasks run, in a real database."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from optfarm_scheduler.loop import Loop, Ports
from optfarm_tasks.schema.lease import Heartbeat
from optfarm_tasks.schema.sweep import TaskState
from tests.fakeworker import an_inventory
from tests.integration.scheduler_store import Store, a_store, submit


@dataclass
class Clock:
    """What the clock says, and how much time has really passed."""

    says: float = 1000.0
    passed: float = 0.0

    def pass_s(self, seconds: float) -> None:
        self.says += seconds
        self.passed += seconds


@dataclass
class Run:
    """A loop whose steps the test takes, with one task that a worker keeps alive and one whose worker is dead."""

    store: Store
    loop: Loop
    clock: Clock
    token: int

    def go_on(self, seconds: int) -> None:
        """Seconds in which the live worker says each second that it is there."""
        for _ in range(seconds):
            self.clock.pass_s(1)
            self.store.devices.register(an_inventory(), now=self.clock.says)
            self.store.leases.heartbeat("a-1", Heartbeat(token=self.token), now=self.clock.says)
            self.loop.step()

    def state(self, task_id: str) -> TaskState:
        return self.store.tasks.find(task_id).state


@pytest.fixture
def run(database_url: str) -> Iterator[Run]:
    clock = Clock()
    with a_store(database_url) as store:
        ports = Ports(
            ledger=store.ledger,
            devices=store.devices,
            find=lambda _: None,
            send=lambda _: None,
            note=lambda _: None,
            clock=lambda: clock.says,
            steady=lambda: clock.passed,
        )
        loop = Loop(ports, on_death=lambda: None)
        submit(store, "b", fresh=True)
        _, token = store.leased("a-1", now=clock.says)
        store.leased("b-1", now=clock.says)
        yield Run(store, loop, clock, token)


@pytest.mark.parametrize("by_s", [-120, 120])
def test_a_clock_that_is_set_ends_the_lease_of_a_dead_worker_in_time_and_no_other(run: Run, by_s: float) -> None:
    run.go_on(5)
    run.clock.says += by_s
    run.loop.step()

    run.go_on(14)
    before = run.state("a-1"), run.state("b-1")
    run.go_on(30)

    assert before == (TaskState.RUNNING, TaskState.RUNNING)
    assert run.state("a-1") is TaskState.RUNNING
    assert run.state("b-1") is not TaskState.RUNNING


def test_leases_end_in_time_while_nobody_sets_the_clock(run: Run) -> None:
    run.go_on(14)
    before = run.state("b-1")
    run.go_on(5)

    assert (run.state("a-1"), before) == (TaskState.RUNNING, TaskState.RUNNING)
    assert run.state("b-1") is not TaskState.RUNNING
