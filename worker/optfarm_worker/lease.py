"""Keeps a lease alive by heartbeats from a thread; a pure rule decides when the lease is lost."""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Self

from optfarm_tasks.schema.lease import Heartbeat, Lease, Progress
from optfarm_worker.errors import Denied, LeaseLost, Unreachable, WorkerError
from optfarm_worker.scheduler import Scheduler

BEATS_PER_TTL = 3
"""A beat that hangs is given up soon enough for two more within the lease."""


class Answer(Enum):
    """What became of one beat."""

    KEPT = auto()
    REFUSED = auto()
    SILENCE = auto()


def lost_because(answer: Answer, *, now: float, held_from: float, ttl_s: float) -> str | None:
    """Why the lease is lost; None while it is held.

    Args:
        answer: what became of the newest beat.
        now: time on any clock that only goes forward.
        held_from: when the last beat that was kept, or the claim, set out. It reached the scheduler later, so the
            worker gives up before the scheduler does, never after.
        ttl_s: how long the scheduler waits for a beat.
    """
    if answer is Answer.REFUSED:
        return "the scheduler took the task back"
    if answer is Answer.SILENCE and now - held_from >= ttl_s:
        return f"the scheduler did not answer for {ttl_s:g} s"
    return None


class LeaseKeeper:
    """Sends the heartbeats of one lease from its own thread, inside a with block."""

    def __init__(self, scheduler: Scheduler, lease: Lease, token: int, *, held_from: float) -> None:
        self.cancelled = threading.Event()
        """Set once the task is no longer this worker's to finish."""
        self._scheduler = scheduler
        self._lease = lease
        self._token = token
        self._held_from = held_from
        self._progress: Progress | None = None
        self._done = threading.Event()
        self._guard = threading.Lock()
        self._why: WorkerError | None = None
        self._act: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def report(self, progress: Progress) -> None:
        """Has the next beat carry the progress."""
        self._progress = progress

    def cancel(self, why: WorkerError) -> None:
        """Ends the task from any thread; the first reason counts."""
        with self._guard:
            self._why = self._why or why
            self.cancelled.set()
            act = self._act
        act()

    def on_cancel(self, act: Callable[[], None]) -> None:
        """Has `act` called when the task is cancelled, at once if it is already."""
        with self._guard:
            self._act = act
        if self.cancelled.is_set():
            act()

    def check(self) -> None:
        """Passes unless the task was cancelled.

        Raises:
            LeaseLost, Stopped: it was.
        """
        if self._why is not None:
            raise self._why

    def __enter__(self) -> Self:
        """Starts to beat."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops; a beat that is under way may still arrive, and is refused if the task is over."""
        self._done.set()

    def _beat(self) -> None:
        while not self._done.wait(self._lease.heartbeat_s):
            set_out = time.monotonic()
            answer = self._ask()
            if answer is Answer.KEPT:
                self._held_from = set_out
            why = lost_because(answer, now=time.monotonic(), held_from=self._held_from, ttl_s=self._lease.ttl_s)
            if why is not None:
                self.cancel(LeaseLost(why))
                return

    def _ask(self) -> Answer:
        beat = Heartbeat(token=self._token, progress=self._progress)
        try:
            self._scheduler.beat(self._lease.task_id, beat, timeout_s=self._lease.ttl_s / BEATS_PER_TTL)
        except LeaseLost:
            return Answer.REFUSED
        except (Unreachable, Denied):
            return Answer.SILENCE
        return Answer.KEPT
