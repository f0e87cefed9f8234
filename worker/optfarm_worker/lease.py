"""Keeping a lease: a thread beats, a pure rule decides when the lease is lost."""

import threading
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Self

from optfarm_tasks.lease import Heartbeat, Lease, Progress
from optfarm_worker.errors import Denied, LeaseLost, Unreachable
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


class Heart:
    """Beats for one lease in its own thread, from start to stop."""

    def __init__(self, scheduler: Scheduler, lease: Lease, token: int, *, held_from: float) -> None:
        self._scheduler = scheduler
        self._lease = lease
        self._token = token
        self._held_from = held_from
        self._progress: Progress | None = None
        self._stopped = threading.Event()
        self._lost = threading.Event()
        self._guard = threading.Lock()
        self._on_loss: Callable[[], None] = lambda: None
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self.lost_because: str | None = None

    @property
    def lost(self) -> threading.Event:
        """Set once the lease is lost."""
        return self._lost

    def tell(self, progress: Progress) -> None:
        """Has the next beat carry the progress."""
        self._progress = progress

    def on_loss(self, act: Callable[[], None]) -> None:
        """Has `act` called from the heart's thread when the lease is lost, or at once if it is."""
        with self._guard:
            self._on_loss = act
            is_lost = self._lost.is_set()
        if is_lost:
            act()

    def check(self) -> None:
        """Passes while the lease is held.

        Raises:
            LeaseLost: it is not.
        """
        if self._lost.is_set():
            raise LeaseLost(self.lost_because or "lost")

    def __enter__(self) -> Self:
        """Starts to beat."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stops; a beat that is under way may still arrive, and is refused if the task is over."""
        self._stopped.set()

    def _beat(self) -> None:
        pause_s = self._lease.heartbeat_s
        while not self._stopped.wait(pause_s):
            set_out = time.monotonic()
            answer = self._ask()
            if answer is Answer.KEPT:
                self._held_from = set_out
            self.lost_because = lost_because(
                answer, now=time.monotonic(), held_from=self._held_from, ttl_s=self._lease.ttl_s
            )
            if self.lost_because is not None:
                self._lose()
                return

    def _lose(self) -> None:
        with self._guard:
            self._lost.set()
            act = self._on_loss
        act()

    def _ask(self) -> Answer:
        beat = Heartbeat(token=self._token, progress=self._progress)
        try:
            self._scheduler.beat(self._lease.task_id, beat, timeout_s=self._lease.ttl_s / BEATS_PER_TTL)
        except LeaseLost:
            return Answer.REFUSED
        except (Unreachable, Denied):
            return Answer.SILENCE
        return Answer.KEPT
