"""A small process that supervises one child: starts it confined, watches its limits, ends its whole tree.

The worker starts it ahead of time (launcher.py) and talks to it over two pipes. On standard input comes one line of
JSON, the order, and then nothing: the end of that pipe means that the worker wants the tree ended, or is dead itself.
On standard output go events, a line of JSON each: started, progress, ended. Standard library only: it is up in 20 ms.
"""

import contextlib
import errno
import json
import os
import resource
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from optfarm_worker import confinement, processes
from optfarm_worker.child_log import ChildLog

SAMPLE_S = 0.1
SAMPLES_PER_CENSUS = 10
"""Memory of known processes is read at every sample, newcomers are looked for at every tenth: a look at all
processes of a host takes milliseconds, and a benchmark may be running."""
LINE_BYTES = 4096
ISOLATE = "isolate"
"""The argument that has the supervisor, and so its child, leave the network."""


class Order(NamedTuple):
    """What is run, and within which limits. No dataclass: that import alone would double the start-up time."""

    argv: list[str]
    cwd: str
    env: dict[str, str]
    log: str
    timeout_s: float
    memory_bytes: int
    data_bytes: int
    """The hard limit of private memory of each process, for what grows faster than samples are taken."""
    file_bytes: int
    log_bytes: int
    processes: int
    grace_s: float


def main() -> None:
    """Waits for an order, carries it out, and ends without cleaning up: every child is gone by then."""
    confinement.adopt_orphans()
    isolated = ISOLATE in sys.argv and confinement.leave_network()
    line = sys.stdin.buffer.readline()
    if line:
        supervise(Order(**json.loads(line)), isolated=isolated)
    os._exit(0)


def supervise(order: Order, *, isolated: bool) -> None:
    """Runs the child to its end, reports the events, and leaves no process behind."""
    kills_before = _oom_kills()
    progress, output = os.pipe(), os.pipe()
    started_at, started = time.time(), time.monotonic()
    try:
        child = _start(order, progress=progress[1], output=output[1])
    except subprocess.SubprocessError:
        _report(event="unconfined", message=f"memory {order.data_bytes}, files {order.file_bytes} bytes")
        return
    except OSError as error:
        is_lasting = isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError)
        _report(event="unstartable" if is_lasting or error.errno == errno.ENOEXEC else "busy", message=str(error))
        return
    os.close(progress[1])
    os.close(output[1])
    _report(event="started", at=started_at, isolated=isolated)
    log = ChildLog(Path(order.log), limit_bytes=order.log_bytes, output=output[0])
    watch = Watch(order, child, progress[0], log)
    how = watch.until_end()
    ended = {"at": time.time(), "duration_s": time.monotonic() - started}
    all_gone = watch.end(how)
    _report(
        event="ended",
        how=how,
        code=child.returncode or 0,
        **ended,
        peak_rss_bytes=watch.peak_rss_bytes,
        oom_kills=_oom_kills() - kills_before,
        all_gone=all_gone,
    )


class Watch:
    """One child while it runs."""

    def __init__(self, order: Order, child: "subprocess.Popen[bytes]", progress: int, log: ChildLog) -> None:
        self.peak_rss_bytes = 0
        self._order = order
        self._child = child
        self._members = [child.pid]
        self._samples = 0
        self._deadline = time.monotonic() + order.timeout_s
        self._progress = progress
        self._log = log
        self._unreported = b""
        os.set_blocking(progress, False)
        self._ended = os.pidfd_open(child.pid)
        self._selector = selectors.DefaultSelector()
        for source in (self._ended, progress, log.output, sys.stdin.fileno()):
            self._selector.register(source, selectors.EVENT_READ)

    def until_end(self) -> str:
        """Blocks until the child ends or has to: exit, timeout, memory, processes or cancelled."""
        next_sample = time.monotonic() + SAMPLE_S
        while True:
            how = self._wait(max(0.0, next_sample - time.monotonic()))
            if how is None and time.monotonic() >= next_sample:
                how = self._sampled()
                next_sample = time.monotonic() + SAMPLE_S
            if how is not None:
                return how

    def end(self, how: str) -> bool:
        """Ends what is left of the tree, the child included; whether all are gone."""
        if how == "exit":
            self._child.wait()
        gone = processes.end_descendants(grace_s=0 if how == "exit" else self._order.grace_s)
        self._read_progress()
        self._relay()
        while self._log.copy() and gone:  # what could not be ended might print for ever
            pass
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        self.peak_rss_bytes = max(self.peak_rss_bytes, largest)
        return gone

    def _wait(self, wait_s: float) -> str | None:
        ready = {key.fd for key, _ in self._selector.select(wait_s)}
        if self._progress in ready:
            self._read_progress()
        if self._log.output in ready and not self._log.copy():
            self._selector.unregister(self._log.output)
        if self._ended in ready:
            return "exit"
        return "cancelled" if sys.stdin.fileno() in ready else None

    def _read_progress(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._progress, LINE_BYTES):
                self._unreported = (self._unreported + piece)[-2 * LINE_BYTES :]
            if self._progress in self._selector.get_map():
                self._selector.unregister(self._progress)

    def _relay(self) -> None:
        """Reports the newest whole line; what came between two samples is stale."""
        lines, newline, rest = self._unreported.rpartition(b"\n")
        if newline:
            self._unreported = rest
            _report(event="progress", line=lines.rpartition(b"\n")[2].decode(errors="replace"))

    def _sampled(self) -> str | None:
        if self._samples % SAMPLES_PER_CENSUS == 0:
            processes.reap_orphans(keep=self._child.pid)
            self._members = processes.descendants(os.getpid())
        self._samples += 1
        self._relay()
        rss_bytes = processes.rss_bytes(self._members)
        self.peak_rss_bytes = max(self.peak_rss_bytes, rss_bytes)
        return self._passed(rss_bytes)

    def _passed(self, rss_bytes: int) -> str | None:
        """Which limit is passed, if any; memory that processes share is counted once before they die for it."""
        if time.monotonic() >= self._deadline:
            return "timeout"
        if len(self._members) > self._order.processes:
            return "processes"
        limit_bytes = self._order.memory_bytes
        is_above = rss_bytes > limit_bytes and processes.pss_bytes(self._members) > limit_bytes
        return "memory" if is_above else None


def _start(order: Order, *, progress: int, output: int) -> "subprocess.Popen[bytes]":
    supervisor = os.getpid()

    def confine() -> None:
        confinement.die_with(supervisor)
        confinement.go_first_when_memory_ends()
        confinement.limit(data_bytes=order.data_bytes, file_bytes=order.file_bytes)

    return subprocess.Popen(
        order.argv,
        cwd=order.cwd,
        env={**order.env, "OPTFARM_PROGRESS_FD": str(progress)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=(progress,),
        start_new_session=True,
        preexec_fn=confine,  # noqa: PLW1509 (this process has a single thread)
    )


def _oom_kills() -> int:
    """How often the kernel has ended a process of this host for want of memory."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _report(**event: Any) -> None:
    """Writes an event; a dead worker reads nothing, and the tree has to be ended all the same."""
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), json.dumps(event).encode() + b"\n")
