"""Keeping a lease: a thread beats, a pure rule decides when the lease is lost."""

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
    """Beats for one lease in its own thread, inside a with block."""

    def __init__(self, scheduler: Scheduler, lease: Lease, token: int, *, held_from: float) -> None:
        self.over = threading.Event()
        """Set once the work is for nothing."""
        self._scheduler = scheduler
        self._lease = lease
        self._token = token
        self._held_from = held_from
        self._progress: Progress | None = None
        self._done = threading.Event()
        self._guard = threading.Lock()
        self._why: WorkerError | None = None
        self._act: Callable[[], None] = _do_nothing
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def tell(self, progress: Progress) -> None:
        """Has the next beat carry the progress."""
        self._progress = progress

    def give_up(self, why: WorkerError) -> None:
        """Ends the work from any thread; the first reason counts."""
        with self._guard:
            self._why = self._why or why
            self.over.set()
            act = self._act
        act()

    def when_over(self, act: Callable[[], None]) -> None:
        """Has `act` called once the work is for nothing, at once if it is already."""
        with self._guard:
            self._act = act
        if self.over.is_set():
            act()

    def check(self) -> None:
        """Passes while the work counts.

        Raises:
            LeaseLost, Stopped: it does not.
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
                self.give_up(LeaseLost(why))
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


def _do_nothing() -> None:
    """Stands where nothing is to be ended yet."""
