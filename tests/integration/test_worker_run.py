"""One task on a worker, from a message to the scheduler's receipt."""

import hashlib
import itertools
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event

import pytest

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.waiting import Waiting, WaitsFor
from optfarm_worker.errors import BadSettings
from optfarm_worker.folder import Scratch
from optfarm_worker.idle import IdleLock
from tests.integration.programs import FAILS, STAYS, SUCCEEDS
from tests.integration.worker_farm import KEY, Farm, worker_farm
from tests.waiting import until


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with worker_farm(tmp_path) as made:
        yield made


def test_a_task_is_carried_out_and_its_result_stored_once(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS)

    farm.carry_out("t1", 1)

    finish = farm.desk.finishes["t1"]
    assert finish.result is not None
    assert finish.result == Result.model_validate_json(farm.store.result(KEY))
    (made,) = finish.result.outputs.files
    assert made.path == "made.txt"
    assert (farm.store.folder / made.sha256).read_text() == "made"
    assert finish.log is not None
    assert (farm.store.folder / finish.log).read_text() == "a line of the log\n"
    assert (finish.result.host, finish.result.device) == ("alpha", "alpha.cpu")
    until(lambda: not farm.leftovers(), deadline_s=5)


def test_a_result_that_was_stored_before_is_adopted(farm: Farm) -> None:
    farm.offer("first", SUCCEEDS)
    farm.offer("second", SUCCEEDS.replace('"made"', '"made differently"'))

    farm.carry_out("first", 1)
    farm.carry_out("second", 1)

    assert farm.desk.finishes["second"].result == farm.desk.finishes["first"].result


def test_a_message_under_an_old_token_is_dropped(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS)
    farm.desk.take_back("t1")

    farm.task_runner.carry_out("t1", 1)

    assert not farm.desk.claims
    assert not farm.desk.finishes


@pytest.mark.parametrize(
    ("program", "reason", "word"),
    [
        (FAILS, Reason.UNSUPPORTED_OP, "no such op"),
        ("import os; os._exit(7)", Reason.BAD_MODEL, "7"),
        ("import ctypes; ctypes.string_at(0)", Reason.BAD_MODEL, "SIGSEGV"),
        ("import os; os.kill(os.getpid(), 9)", Reason.WORKER_LOST, "SIGKILL"),
        ("import time; time.sleep(60)", Reason.TIMEOUT, "2 s"),
        (SUCCEEDS + "import os; os.symlink('/etc/passwd', 'outputs/x')", Reason.BAD_MODEL, "/etc/passwd"),
        (SUCCEEDS + "open(r'outputs/..\\up', 'w')", Reason.BAD_MODEL, "not a plain relative path"),
        (SUCCEEDS + "open('inputs/model/program.py', 'w').write('')", Reason.WORKER_LOST, "changed"),
    ],
)
def test_a_task_that_fails_says_why(farm: Farm, program: str, reason: Reason, word: str) -> None:
    farm.offer(
        "t1",
        program.replace("open('inputs", "import os; os.chmod('inputs/model/program.py', 0o644); open('inputs"),
        timeout_s=2,
    )

    farm.carry_out("t1", 1)

    failure = farm.desk.finishes["t1"].failure
    assert failure is not None
    assert failure.reason is reason
    assert word in failure.message
    until(lambda: not farm.leftovers(), deadline_s=5)


def test_a_failure_comes_with_its_log(farm: Farm) -> None:
    farm.offer("t1", FAILS)

    farm.carry_out("t1", 1)

    finish = farm.desk.finishes["t1"]
    assert finish.failure is not None
    assert finish.failure.log_tail == ("it failed",)
    assert finish.log == hashlib.sha256(b"it failed\n").hexdigest()


def test_heartbeats_carry_progress(farm: Farm) -> None:
    farm.offer("t1", STAYS)
    thread = farm.start("t1")

    until(lambda: any(beat.progress for beat in farm.desk.beats["t1"]), deadline_s=10)
    progress = next(beat.progress for beat in farm.desk.beats["t1"] if beat.progress)
    farm.desk.take_back("t1")
    thread.join(10)

    assert (progress.phase, progress.fraction) == ("staying", 0.5)


def test_a_worker_that_waits_for_the_machine_says_since_when_and_for_whom(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS)
    began = datetime.now(UTC)

    with closing(IdleLock(farm.settings.idle_lock)) as other, other.held(alone=True, wait_s=0, cancelled=Event()):
        thread = farm.start("t1")
        until(lambda: waits_of(farm, "t1"), deadline_s=10)
        thread.join(10)

    waiting = waits_of(farm, "t1")[0]
    (holder,) = waiting.holders
    assert waiting.reason is WaitsFor.MACHINE
    assert waiting.since is not None
    assert began <= waiting.since <= datetime.now(UTC)
    assert holder.pid == os.getpid()
    assert waiting.message == f"process {os.getpid()} ({holder.name}) holds this machine's lock"


def waits_of(farm: Farm, task_id: str) -> list[Waiting]:
    told = [beat.progress for beat in farm.desk.beats[task_id] if beat.progress]
    return [progress.waiting for progress in told if progress.waiting]


def test_the_children_of_tasks_that_follow_one_another_never_overlap(farm: Farm) -> None:
    tasks = [f"t{n}" for n in range(12)]
    for n, task_id in enumerate(tasks):
        farm.offer(task_id, SUCCEEDS, key=f"{n:064x}")

    for task_id in tasks:
        farm.carry_out(task_id, 1)

    results = [finish.result for finish in farm.desk.finishes.values() if finish.result is not None]
    assert [result.key for result in results] == [f"{n:064x}" for n in range(12)]
    assert all(before.finished_at <= after.started_at for before, after in itertools.pairwise(results))


def test_a_second_worker_for_the_same_device_is_refused(farm: Farm) -> None:
    with pytest.raises(BadSettings, match="another worker"):
        Scratch(farm.settings.scratch_dir, farm.settings.name)
