"""A worker that runs tasks of the test's own, between a stub scheduler and a store in a folder."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import psutil

from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.tree import Digest
from optfarm_worker.context import worker_context
from optfarm_worker.errors import StoreAway
from optfarm_worker.scheduler import Scheduler
from optfarm_worker.settings import WorkerSettings, read_settings
from optfarm_worker.task_runner import TaskRunner
from tests.integration.processes import processes_with
from tests.integration.programs import interpreter, task_of
from tests.integration.stub_scheduler import TOKEN, Desk, stub_scheduler
from tests.waiting import until

KEY = "a" * 64
"""The key of a task when the test does not care."""


@dataclass
class FolderStore:
    """A store in a folder."""

    folder: Path
    is_open: threading.Event = field(default_factory=threading.Event)
    """While it is not set, the store is away for results."""
    cancelled: threading.Event = field(default_factory=threading.Event)

    def cancel_with(self, event: threading.Event) -> "FolderStore":
        return replace(self, cancelled=event)

    def fetch(self, digest: Digest, target: Path) -> None:
        shutil.copyfile(self.folder / digest, target)

    def push(self, digest: Digest, source: Path) -> None:
        shutil.copyfile(source, self.folder / digest)

    def put_result(self, key: Digest, body: bytes) -> bool:
        until(lambda: self.is_open.is_set() or self.cancelled.is_set(), deadline_s=20)
        if not self.is_open.is_set():
            raise StoreAway("the store is away")
        path = self.folder / f"{key}.json"
        if path.exists():
            return False
        path.write_bytes(body)
        return True

    def result(self, key: Digest) -> bytes:
        return (self.folder / f"{key}.json").read_bytes()


@dataclass
class Farm:
    """A worker between a stub scheduler and a store."""

    desk: Desk
    store: FolderStore
    settings: WorkerSettings
    task_runner: TaskRunner

    def offer(self, task_id: str, program: str, *, timeout_s: float = 30, ttl_s: float = 3.0, key: str = KEY) -> None:
        """Makes a task claimable that runs a program."""
        body = program.encode()
        task, digest = task_of(body, timeout_s=timeout_s)
        (self.store.folder / digest).write_bytes(body)
        self.desk.offer(task_id, task, key=key, ttl_s=ttl_s)

    def carry_out(self, task_id: str, token: int = 1) -> None:
        """Until the scheduler knows of the end."""
        self.task_runner.carry_out(task_id, token)
        until(lambda: task_id in self.desk.finishes, deadline_s=10)

    def start(self, task_id: str, token: int = 1) -> threading.Thread:
        """The thread in which a task is carried out from now on."""
        thread = threading.Thread(target=self.task_runner.carry_out, args=(task_id, token))
        thread.start()
        return thread

    def children(self) -> list[psutil.Process]:
        """What runs in a task's folder."""
        return processes_with("HOME", str(self.settings.scratch_dir))

    def leftovers(self) -> list[Path]:
        """What lies in the scratch folder."""
        return list((self.settings.scratch_dir / self.settings.name).iterdir())


@contextmanager
def worker_farm(folder: Path, **given: object) -> Iterator[Farm]:
    """A worker that runs inside the block, with everything it needs in a folder, and with settings that are given."""
    (folder / "store").mkdir()
    store = FolderStore(folder / "store")
    store.is_open.set()
    toolchain = Toolchain(python=str(interpreter(folder)), versions={}, techniques=(), runtimes=())
    with stub_scheduler() as desk:
        own = {
            "url": desk.url,
            "worker_token": TOKEN,
            "host": "alpha",
            "cache_dir": folder / "cache",
            "scratch_dir": folder / "scratch",
            "idle_lock": folder / "idle.lock",
            "idle_wait_s": 0.3,
        }
        settings = read_settings(**own | given)
        inventory = Inventory(host="alpha", slot=settings.slot, attributes={}, toolchains=(toolchain,))
        with (
            closing(Scheduler(settings.url, TOKEN)) as scheduler,
            worker_context(settings, scheduler, store, inventory) as context,
            closing(TaskRunner(context)) as task_runner,
        ):
            yield Farm(desk, store, settings, task_runner)
