"""Who holds the machine."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from optfarm_tasks.schema.waiting import Holder, WaitsFor
from optfarm_worker.errors import Busy
from optfarm_worker.idle import IdleLock
from optfarm_worker.lock_holders import pids_in, program_of
from optfarm_worker.machine_wait import MachineWait, in_words

if TYPE_CHECKING:
    from optfarm_tasks.schema.lease import Progress

NEVER = threading.Event()
SINCE = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[tuple[IdleLock, IdleLock]]:
    """The lock as two workers see it."""
    path = tmp_path / "idle.lock"
    with closing(IdleLock(path)) as one, closing(IdleLock(path)) as other:
        yield one, other


def test_whoever_waits_is_told_which_process_holds_the_machine(locks: tuple[IdleLock, IdleLock]) -> None:
    told: list[tuple[Holder, ...]] = []

    with (
        locks[0].held(alone=True, wait_s=0, cancelled=NEVER),
        pytest.raises(Busy),
        locks[1].held(alone=False, wait_s=0.1, cancelled=NEVER, on_wait=told.append),
    ):
        raise AssertionError("both have the host")

    ((holder,),) = told
    assert holder.pid == os.getpid()
    assert holder.name == program_of([sys.executable, *sys.orig_argv[1:]])


def test_nobody_is_told_of_a_lock_that_is_free(locks: tuple[IdleLock, IdleLock]) -> None:
    told: list[tuple[Holder, ...]] = []

    with locks[0].held(alone=True, wait_s=0, cancelled=NEVER, on_wait=told.append):
        pass

    assert told == []


def test_the_kernels_list_is_read_without_those_that_wait(tmp_path: Path) -> None:
    file = tmp_path.stat()
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    text = f"""1: FLOCK  ADVISORY  WRITE 4711 {place} 0 EOF
1: -> FLOCK  ADVISORY  WRITE 5 {place} 0 EOF
2: FLOCK  ADVISORY  READ 12 {place} 0 EOF
3: FLOCK  ADVISORY  READ 0 {place} 0 EOF
4: POSIX  ADVISORY  READ 6 {place} 128 128
5: FLOCK  ADVISORY  WRITE 7 {place}9 0 EOF
"""

    assert pids_in(text, file) == (12, 4711)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ([], ""),
        (["/usr/bin/optfarm-worker", "--token", "secret"], "optfarm-worker"),
        (["/venv/bin/python3", "/venv/bin/optfarm-worker", "--token", "secret"], "optfarm-worker"),
        (["python", "-I", "-m", "benchmarks.peers", "secret"], "python -m benchmarks.peers"),
        (["python", "-c", "secret"], "python"),
        (["python", "-X", "dev", "-u", "run.py"], "run.py"),
        (["python"], "python"),
    ],
)
def test_a_command_line_is_told_without_its_arguments(arguments: list[str], name: str) -> None:
    assert program_of(arguments) == name


def test_a_wait_is_reported_with_its_beginning_and_its_holders_and_then_its_end() -> None:
    told: list[Progress] = []
    wait = MachineWait(told.append, since=SINCE)

    wait.goes_on((Holder(pid=4711, name="optfarm-worker"),))
    wait.ends()

    waiting = told[0].waiting
    assert waiting is not None
    assert (waiting.reason, waiting.since) == (WaitsFor.MACHINE, SINCE)
    assert waiting.message == "process 4711 (optfarm-worker) holds this machine's lock"
    assert [each.waiting is None for each in told] == [False, True]


def test_no_wait_is_reported_where_there_was_none() -> None:
    told: list[Progress] = []

    MachineWait(told.append, since=SINCE).ends()

    assert told == []


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "another process holds this machine's lock"),
        (2, "process 1 and process 2 hold this machine's lock"),
        (6, "process 1 and process 2 and process 3 and process 4 and 2 more hold this machine's lock"),
    ],
)
def test_few_holders_are_named_and_many_counted(count: int, words: str) -> None:
    assert in_words([Holder(pid=number + 1, name="") for number in range(count)], "this machine's lock") == words
