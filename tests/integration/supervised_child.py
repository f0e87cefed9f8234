"""A child under a supervisor, whose tree can be found again however it hides."""

import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from optfarm_worker.child_exit import ChildExit
from optfarm_worker.launcher import Launcher, Started
from optfarm_worker.supervisor import Order
from tests.integration.processes import processes_with

MB = 1 << 20


@dataclass
class Child:
    """A child to run, marked so that each process of its tree can be found by its environment."""

    folder: Path
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    events: list[Started | str] = field(default_factory=list)

    def order(self, code: str, **changes: object) -> Order:
        """An order to run Python code under narrow limits."""
        order = Order(
            argv=[sys.executable, "-I", "-S", "-c", code],
            cwd=str(self.folder),
            env={"PATH": "/usr/bin:/bin", "MARK": self.mark},
            log=str(self.folder / "log.txt"),
            timeout_s=30,
            memory_bytes=1000 * MB,
            data_bytes=4000 * MB,
            file_bytes=1000 * MB,
            log_bytes=1 * MB,
            processes=64,
            grace_s=0.3,
        )
        return order._replace(**changes)

    def run(self, code: str, **changes: object) -> ChildExit:
        """Runs it to its end."""
        launcher = Launcher()
        try:
            return launcher.run(self.order(code, **changes), self.events.append)
        finally:
            launcher.close()

    def log(self) -> str:
        """What it printed."""
        return (self.folder / "log.txt").read_text()

    def family(self) -> list[psutil.Process]:
        """What lives of its tree."""
        return processes_with("MARK", self.mark)


@contextmanager
def a_child(folder: Path) -> Iterator[Child]:
    """A child whose whole tree is gone behind the block."""
    child = Child(folder)
    try:
        yield child
    finally:
        for process in child.family():
            with suppress(psutil.NoSuchProcess):
                process.kill()
