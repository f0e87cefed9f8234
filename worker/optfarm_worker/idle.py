"""One lock for all workers of a machine: children share it, a benchmark holds it alone."""

import fcntl
import itertools
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from optfarm_tasks.schema.waiting import Holder
from optfarm_worker.errors import Busy
from optfarm_worker.lock_holders import holders

LOOK_S = 0.05
LOOKS_PER_TELL = 20
"""Who holds the lock is looked up once a second, for that reads every lock of the machine."""

OnWait = Callable[[tuple[Holder, ...]], None]
"""Called with those who hold the lock, as soon as it has to be waited for and once a second from then on."""


def shared_lock() -> Path:
    """The file that everybody on this machine locks unless their settings name another."""
    return Path(tempfile.gettempdir()) / "optfarm-host.lock"


class IdleLock:
    """The lock as one worker sees it.

    A second file is the gate. Whoever wants the lock holds the gate while it waits, so a benchmark that waits keeps
    later tasks out, and comes to its turn.
    """

    def __init__(self, path: Path) -> None:
        self._lock = _open(path)
        self._gate = _open(path.with_name(f"{path.name}.gate"))

    @property
    def descriptor(self) -> int:
        """Open in a supervisor too, it stays locked until that one has ended, whatever becomes of this worker."""
        return self._lock

    @contextmanager
    def held(
        self, *, alone: bool, wait_s: float, cancelled: threading.Event, on_wait: OnWait = lambda _: None
    ) -> Iterator[None]:
        """Holds the lock inside the block; without it when `cancelled` is set, since nothing will run then.

        Raises:
            Busy: it was not to be had in that time.
        """
        deadline = time.monotonic() + wait_s

        def take(descriptor: int, kind: int) -> None:
            _take(descriptor, kind, deadline, cancelled, lambda: on_wait(holders(self._lock) or holders(self._gate)))

        try:
            take(self._gate, fcntl.LOCK_EX)
            take(self._lock, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            yield
        finally:
            fcntl.flock(self._gate, fcntl.LOCK_UN)
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def close(self) -> None:
        """Gives the files back."""
        os.close(self._lock)
        os.close(self._gate)


def _open(path: Path) -> int:
    """A descriptor that can be locked; another user may own the file, and reading is enough."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)


def _take(descriptor: int, kind: int, deadline: float, cancelled: threading.Event, on_wait: Callable[[], None]) -> None:
    for looks in itertools.count():
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if looks % LOOKS_PER_TELL == 0:
                on_wait()
            if not cancelled.wait(LOOK_S):
                if time.monotonic() > deadline:
                    raise Busy("other tasks kept this host busy for too long") from error
                continue
        return
