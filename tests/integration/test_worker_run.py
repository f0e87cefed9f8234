"""One task on a worker: from a message to the scheduler's receipt, and everything that may come between."""

import hashlib
import itertools
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from optfarm_tasks.device import Inventory, Toolchain
from optfarm_tasks.errors import Reason
from optfarm_tasks.result import Result
from optfarm_tasks.tree import Digest
from optfarm_worker.bench import set_up
from optfarm_worker.errors import BadSettings
from optfarm_worker.folder import Scratch
from optfarm_worker.run import Hand
from optfarm_worker.scheduler import Scheduler
from optfarm_worker.settings import WorkerSettings, read_settings
from tests.integration.programs import FAILS, STAYS, SUCCEEDS, interpreter, task_of
from tests.integration.stub_scheduler import TOKEN, Desk, stub_scheduler
from tests.waiting import until

KEY = "a" * 64


@dataclass
class FolderStore:
    """A store in a folder."""

    folder: Path
    pushed: list[Digest] = field(default_factory=list)
    is_open: threading.Event = field(default_factory=threading.Event)
    """While it is not set, results wait."""

    def __post_init__(self) -> None:
        self.is_open.set()

    def obey(self, over: threading.Event) -> None:
        """It is never away."""

    def fetch(self, digest: Digest, target: Path) -> None:
        shutil.copyfile(self.folder / digest, target)

    def push(self, digest: Digest, source: Path) -> None:
        self.pushed.append(digest)
        shutil.copyfile(source, self.folder / digest)

    def put_result(self, key: Digest, body: bytes) -> bool:
        self.is_open.wait()
        path = self.folder / f"{key}.json"
        if path.exists():
            return False
        path.write_bytes(body)
        return True

    def result(self, key: Digest) -> bytes:
        return (self.folder / f"{key}.json").read_bytes()


@dataclass
class Farm:
    """A hand at work between a stub scheduler and a store."""

    desk: Desk
    store: FolderStore
    settings: WorkerSettings
    hand: Hand

    def offer(self, task_id: str, program: str, *, timeout_s: float = 30, ttl_s: float = 3.0, key: str = KEY) -> None:
        body = program.encode()
        task, digest = task_of(body, timeout_s=timeout_s)
        (self.store.folder / digest).write_bytes(body)
        self.desk.offer(task_id, task, key=key, ttl_s=ttl_s)

    def carry_out(self, task_id: str, token: int = 1) -> None:
        """Until the scheduler knows of the end."""
        self.hand.carry_out(task_id, token)
        until(lambda: task_id in self.desk.finishes, deadline_s=10)

    def start(self, task_id: str, token: int = 1) -> threading.Thread:
        thread = threading.Thread(target=self.hand.carry_out, args=(task_id, token))
        thread.start()
        return thread

    def children(self) -> list[psutil.Process]:
        marked = str(self.settings.scratch_dir)
        return [each for each in psutil.process_iter() if marked in " ".join(_command(each))]

    def leftovers(self) -> list[Path]:
        return list((self.settings.scratch_dir / self.settings.name).iterdir())


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    (tmp_path / "store").mkdir()
    store = FolderStore(tmp_path / "store")
    toolchain = Toolchain(python=str(interpreter(tmp_path)), versions={}, techniques=(), runtimes=())
    inventory = Inventory(host="alpha", slot="cpu", attributes={}, toolchains=(toolchain,))
    with stub_scheduler() as desk:
        settings = read_settings(
            url=desk.url,
            worker_token=TOKEN,
            host="alpha",
            cache_dir=tmp_path / "cache",
            scratch_dir=tmp_path / "scratch",
            idle_lock=tmp_path / "idle.lock",
            idle_wait_s=0.3,
        )
        with Scheduler(settings.url, TOKEN) as scheduler, set_up(settings, scheduler, store, inventory) as bench:
            hand = Hand(bench)
            yield Farm(desk, store, settings, hand)
            hand.close()


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
    assert farm.leftovers() == []


def test_a_result_that_was_stored_before_is_adopted(farm: Farm) -> None:
    farm.offer("first", SUCCEEDS)
    farm.offer("second", SUCCEEDS.replace('"made"', '"made differently"'))

    farm.carry_out("first", 1)
    farm.carry_out("second", 1)

    assert farm.desk.finishes["second"].result == farm.desk.finishes["first"].result


def test_a_message_under_an_old_token_is_dropped(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS)
    farm.desk.take_back("t1")

    farm.hand.carry_out("t1", 1)

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
    assert farm.leftovers() == []


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


def test_a_cancel_kills_the_whole_tree_within_two_seconds(farm: Farm) -> None:
    farm.offer("t1", STAYS)
    thread = farm.start("t1")
    until(lambda: len(farm.children()) == 2, deadline_s=10)

    farm.desk.take_back("t1")

    until(lambda: not farm.children(), deadline_s=2)
    thread.join(5)
    assert not farm.desk.finishes
    assert farm.leftovers() == []


def test_a_scheduler_that_stays_away_costs_the_lease(farm: Farm) -> None:
    farm.offer("t1", STAYS, ttl_s=1.0)
    thread = farm.start("t1")
    until(lambda: len(farm.children()) == 2, deadline_s=10)

    farm.desk.is_away = True

    until(lambda: not farm.children(), deadline_s=4)
    thread.join(5)
    assert not thread.is_alive()


def test_a_finish_waits_for_the_scheduler_to_come_back(farm: Farm) -> None:
    farm.offer("t1", SUCCEEDS.replace("import json", "import time; time.sleep(0.5); import json"))
    thread = farm.start("t1")
    until(lambda: farm.desk.claims, deadline_s=10)

    farm.desk.is_away = True
    until((farm.store.folder / f"{KEY}.json").exists, deadline_s=10)
    farm.desk.is_away = False
    thread.join(10)

    until(lambda: "t1" in farm.desk.finishes, deadline_s=10)
    assert farm.desk.finishes["t1"].result is not None


def test_a_worker_that_is_told_to_end_hands_its_task_back(farm: Farm) -> None:
    farm.offer("t1", STAYS)
    thread = farm.start("t1")
    until(lambda: len(farm.children()) == 2, deadline_s=10)

    farm.hand.stop()

    until(lambda: not farm.children(), deadline_s=2)
    thread.join(5)
    until(lambda: "t1" in farm.desk.finishes, deadline_s=5)
    failure = farm.desk.finishes["t1"].failure
    assert failure is not None
    assert failure.reason is Reason.WORKER_LOST


def test_a_child_starts_only_when_the_delivery_before_it_is_over(farm: Farm) -> None:
    farm.offer("first", SUCCEEDS, key="1" * 64)
    farm.offer("second", SUCCEEDS, key="2" * 64)
    farm.store.is_open.clear()
    farm.hand.carry_out("first", 1)

    thread = farm.start("second")
    until(lambda: len(farm.desk.claims) == 2, deadline_s=5)
    thread.join(0.5)  # time in which it would start, if it did not wait
    assert thread.is_alive()
    assert not farm.children()
    farm.store.is_open.set()
    thread.join(10)

    until(lambda: "second" in farm.desk.finishes, deadline_s=5)
    first, second = (farm.desk.finishes[name].result for name in ("first", "second"))
    assert first is not None
    assert second is not None


def test_one_task_follows_another_without_a_pause(farm: Farm) -> None:
    tasks = [f"t{n}" for n in range(12)]
    for n, task_id in enumerate(tasks):
        farm.offer(task_id, SUCCEEDS, key=f"{n:064x}")

    for task_id in tasks:
        farm.carry_out(task_id, 1)

    results = [farm.desk.finishes[task_id].result for task_id in tasks]
    gaps = sorted(
        (after.started_at - before.finished_at).total_seconds()
        for before, after in itertools.pairwise(results)
        if before is not None and after is not None
    )
    assert gaps[len(gaps) // 2] < 0.1, "far above what it takes: this machine is shared"


def test_a_second_worker_for_the_same_device_is_refused(farm: Farm) -> None:
    with pytest.raises(BadSettings, match="another worker"):
        Scratch(farm.settings.scratch_dir, farm.settings.name)
