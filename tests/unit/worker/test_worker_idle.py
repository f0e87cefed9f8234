"""One machine, several workers: children share it, a benchmark has it alone."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from optfarm_worker.errors import Busy
from optfarm_worker.idle import IdleLock
from tests.waiting import until

NEVER = threading.Event()


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[list[IdleLock]]:
    """The lock as three workers see it."""
    locks = [IdleLock(tmp_path / "idle.lock") for _ in range(3)]
    yield locks
    for lock in locks:
        lock.close()


def test_tasks_share_the_host(locks: list[IdleLock]) -> None:
    with ExitStack() as stack:
        for lock in locks:
            stack.enter_context(lock.held(alone=False, wait_s=0, cancelled=NEVER))


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True), (True, True)])
def test_a_benchmark_has_the_host_alone(locks: list[IdleLock], *, first: bool, second: bool) -> None:
    with (
        locks[0].held(alone=first, wait_s=0, cancelled=NEVER),
        pytest.raises(Busy),
        locks[1].held(alone=second, wait_s=0.1, cancelled=NEVER),
    ):
        raise AssertionError("both have the host")

    with locks[1].held(alone=second, wait_s=0, cancelled=NEVER):
        pass


def test_a_benchmark_that_waits_goes_before_tasks_that_come_later(locks: list[IdleLock]) -> None:
    order: list[str] = []

    def take(lock: IdleLock, name: str, *, alone: bool) -> None:
        with lock.held(alone=alone, wait_s=10, cancelled=NEVER):
            order.append(name)

    benchmark = threading.Thread(target=take, args=(locks[1], "benchmark"), kwargs={"alone": True})
    later = threading.Thread(target=take, args=(locks[2], "later"), kwargs={"alone": False})
    with locks[0].held(alone=False, wait_s=0, cancelled=NEVER):
        benchmark.start()
        until(lambda: not _gate_is_free(locks[2]), deadline_s=5)
        later.start()
    benchmark.join(10)
    later.join(10)

    assert order == ["benchmark", "later"]


def _gate_is_free(lock: IdleLock) -> bool:
    try:
        with lock.held(alone=False, wait_s=0, cancelled=NEVER):
            return True
    except Busy:
        return False


def test_who_gives_up_does_not_wait(locks: list[IdleLock]) -> None:
    cancelled = threading.Event()
    cancelled.set()

    with (
        locks[0].held(alone=True, wait_s=0, cancelled=NEVER),
        locks[1].held(alone=True, wait_s=60, cancelled=cancelled),
    ):
        pass
