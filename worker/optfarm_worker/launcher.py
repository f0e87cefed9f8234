"""Starts a supervisor process ahead of time, gives it one order, and listens to it until its child has ended."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from optfarm_worker import processes
from optfarm_worker.child_exit import ChildExit
from optfarm_worker.supervisor import ISOLATE, Order

_ROOT = str(Path(__file__).parents[1])
_BOOT = "import sys; sys.path.append(sys.argv[1]); from optfarm_worker.supervisor import main; main()"
SUPERVISOR_END_S = 5.0


@dataclass(frozen=True)
class Started:
    """The child was started."""

    at: float
    """Seconds since the epoch."""
    isolated: bool
    """Whether it has no network."""


OnEvent = Callable[[Started | str], None]
"""Called when the child has started, then with every line of progress."""


class Launcher:
    """The worker's handle on one supervisor process, which waits for its one order.

    Locks that are handed in stay held until its whole tree is gone, even when this worker is dead by then.
    """

    def __init__(self, locks: Sequence[int] = (), *, isolate: bool = True) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _BOOT, _ROOT, *([ISOLATE] if isolate else [])],
            env={"LC_ALL": "C.UTF-8"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=tuple(locks),
            start_new_session=True,
        )
        self._stopping = threading.Lock()

    def run(self, order: Order, on_event: OnEvent) -> ChildExit:
        """Blocks until the child and everything it started have ended. Called once."""
        siblings = processes.children() - {self._process.pid}
        self._send(json.dumps(order._asdict()).encode() + b"\n")
        child_exit = self._listen(on_event)
        self.stop()
        return child_exit or self._bury(siblings)

    def stop(self) -> None:
        """Has the tree ended, from any thread, at any time; run() returns soon after."""
        with self._stopping:
            if self._process.stdin is not None and not self._process.stdin.closed:
                # Its end may have come before ours, and to close is to write what it did not take.
                with contextlib.suppress(BrokenPipeError):
                    self._process.stdin.close()

    def close(self) -> None:
        """Ends the supervisor, used or not, and collects it."""
        self.stop()
        try:
            self._process.wait(SUPERVISOR_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _send(self, line: bytes) -> None:
        with self._stopping:
            stdin = self._process.stdin
            if stdin is None or stdin.closed:
                return
            try:
                stdin.write(line)
                stdin.flush()
            except BrokenPipeError:
                return

    def _listen(self, on_event: OnEvent) -> ChildExit | None:
        if self._process.stdout is None:
            return None
        for line in self._process.stdout:
            event = json.loads(line)
            match event.pop("event"):
                case "started":
                    on_event(Started(**event))
                case "progress":
                    on_event(event["line"])
                case "unstartable" | "unconfined" | "busy" as how:
                    return ChildExit(how=how, **event)
                case "ended":
                    return ChildExit(**event)
        return None

    def _bury(self, siblings: frozenset[int]) -> ChildExit:
        """The supervisor ended without a report: somebody killed it, and its orphans are this process's now."""
        self._process.wait()
        processes.end_orphans(but=siblings)
        return ChildExit(how="lost")
