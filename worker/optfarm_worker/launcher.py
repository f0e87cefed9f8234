"""The worker's side of a runner: started ahead of time, given one order, listened to until its child has ended."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from optfarm_worker import processes
from optfarm_worker.ending import ChildExit
from optfarm_worker.runner import ISOLATE, Order

_ROOT = str(Path(__file__).parents[1])
_BOOT = "import sys; sys.path.append(sys.argv[1]); from optfarm_worker.runner import main; main()"
RUNNER_END_S = 5.0


@dataclass(frozen=True)
class Started:
    """The child runs."""

    at: float
    """Seconds since the epoch."""
    isolated: bool
    """Whether it has no network."""


Event = Callable[[Started | str], None]
"""Told when the child has started, then every line of progress."""


class Runner:
    """A runner process that waits for its one order.

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

    @property
    def pid(self) -> int:
        """The runner's process."""
        return self._process.pid

    def run(self, order: Order, heard: Event) -> ChildExit:
        """Blocks until the child and everything it started have ended. Called once."""
        siblings = processes.children() - {self.pid}
        self._send(json.dumps(order._asdict()).encode() + b"\n")
        ending = self._listen(heard)
        self.stop()
        return ending or self._bury(siblings)

    def stop(self) -> None:
        """Has the tree ended, from any thread, at any time; run() returns soon after."""
        with self._stopping:
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.close()

    def close(self) -> None:
        """Ends a runner, used or not, and collects it."""
        self.stop()
        try:
            self._process.wait(RUNNER_END_S)
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

    def _listen(self, heard: Event) -> ChildExit | None:
        if self._process.stdout is None:
            return None
        for line in self._process.stdout:
            event = json.loads(line)
            match event.pop("event"):
                case "started":
                    heard(Started(**event))
                case "progress":
                    heard(event["line"])
                case "unstartable":
                    return ChildExit(how="unstartable", **event)
                case "ended":
                    return ChildExit(**event)
        return None

    def _bury(self, siblings: frozenset[int]) -> ChildExit:
        """The runner went without a word: somebody killed it, and its orphans are this process's now."""
        self._process.wait()
        processes.end_orphans(but=siblings)
        return ChildExit(how="lost")
