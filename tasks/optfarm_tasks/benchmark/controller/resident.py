"""Starts a resident process, sends it commands over pipes, and makes sure that it ends."""

import contextlib
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.process import protocol, shield
from optfarm_tasks.benchmark.process.protocol import Command, ReplyT
from optfarm_tasks.errors import BadModel, Internal, OutOfMemory, TaskError, WorkerLost

_MODULE = "optfarm_tasks.benchmark.process.resident"
_GRACE_S = 2.0


@dataclass(frozen=True)
class Variant:
    """An artifact to be timed: its role, its folder, and the module that runs it."""

    role: str
    folder: Path
    runtime: str
    """A module of the shape of optfarm_tasks.runtime.Runtime."""


class Resident:
    """One fresh process that holds a variant; when it dies, the next command raises."""

    def __init__(self, variant: Variant, *, cores: tuple[int, ...], threads: int) -> None:
        """Starts the process and pins it to its cores."""
        self.role = variant.role
        self._cores = set(cores)
        self._kills_before = _oom_kills()
        self._process, self._commands, self._replies = _start(threads)
        try:
            self.is_shielded = self.ask(protocol.PlaceOnCores(cores)).is_shielded
        except BaseException:
            self._end()
            raise

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def ask(self, command: Command[ReplyT]) -> ReplyT:
        """Sends a command and blocks until its reply has come.

        Raises:
            TaskError: of the class that the resident names; or WorkerLost, OutOfMemory or BadModel when it died.
        """
        with contextlib.suppress(protocol.Closed):  # the reply, or its absence, says why
            protocol.send(self._commands, command)
        try:
            reply = protocol.receive(self._replies)
        except protocol.Closed as error:
            raise self._death() from error
        if isinstance(reply, protocol.Failed):
            found = (each for each in _leaves(TaskError) if each.reason == reply.reason)
            raise next(found, Internal)(f"the {self.role}: {reply.message}")
        return cast("ReplyT", reply)

    def require_place(self) -> None:
        """Makes sure that the process may still run where it was placed, on all of these cores.

        The kernel moves a process silently when its cores go offline or leave its control group. A runtime may bind the
        process to some of its cores itself; that is undone, and no loss.

        Raises:
            WorkerLost: a core is gone.
        """
        with contextlib.suppress(ProcessLookupError):  # its death is reported when it is asked again
            found = os.sched_getaffinity(self.pid)
            if found < self._cores:
                os.sched_setaffinity(self.pid, self._cores)
                found = os.sched_getaffinity(self.pid)
            if found != self._cores:
                lost = f"cores {sorted(self._cores)} are not left to it, it runs on {sorted(found)}"
                raise WorkerLost(f"the process of the {self.role} lost its place: {lost}")

    def __enter__(self) -> Self:
        """Returns the resident, which is ended on leaving."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Asks the process to leave, and ends it when it does not, or when something went wrong."""
        if error is None:
            with contextlib.suppress(protocol.Closed, subprocess.TimeoutExpired):
                protocol.send(self._commands, protocol.Quit())
                self._process.wait(_GRACE_S)
        self._end()

    def _end(self) -> None:
        # The whole session: a runtime may have started helpers of its own.
        with contextlib.suppress(ProcessLookupError):
            if self._process.returncode is None:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for stream in (self._commands, self._replies):
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def _death(self) -> TaskError:
        try:
            status = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return BadModel(f"the process of the {self.role} closed its pipe without an answer")
        if status == -signal.SIGKILL:
            if (_oom_kills() or 0) > (self._kills_before or 0):
                return OutOfMemory(f"the kernel killed the process of the {self.role} for want of memory")
            return WorkerLost(f"the process of the {self.role} was killed from outside")
        ended = signal.Signals(-status).name if status < 0 else f"exit code {status}"
        return BadModel(f"the process of the {self.role} ended by itself with {ended}")


def table_of(samples: bytes, rows: int) -> NDArray[np.int64]:
    """The samples of a reply as a table (rows, N)."""
    return np.frombuffer(samples, dtype=np.int64).reshape(rows, -1)


def _start(threads: int) -> tuple["subprocess.Popen[bytes]", Any, Any]:
    commands_read, commands_write = os.pipe()
    replies_read, replies_write = os.pipe()
    try:
        process = subprocess.Popen(
            # -P: a file that happens to lie in the working folder is never imported.
            [sys.executable, "-P", "-m", _MODULE, str(commands_read), str(replies_write), str(os.getpid())],
            stdin=subprocess.DEVNULL,
            env=shield.thread_environment(os.environ, threads),
            pass_fds=(commands_read, replies_write),
            start_new_session=True,
        )
    except BaseException:
        os.close(commands_write)
        os.close(replies_read)
        raise
    finally:
        os.close(commands_read)
        os.close(replies_write)
    return process, os.fdopen(commands_write, "wb"), os.fdopen(replies_read, "rb")


def _leaves(root: type[TaskError]) -> list[type[TaskError]]:
    return [leaf for each in root.__subclasses__() for leaf in _leaves(each)] or [root]


def _oom_kills() -> int | None:
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return None
