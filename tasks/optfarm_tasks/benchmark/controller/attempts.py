"""Repeats a measurement while it is invalid, as often as the effort and the time allow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.pairs import Amount
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.schema.waiting import Waiting, WaitsFor

Found = TypeVar("Found")


@dataclass(frozen=True)
class Clock:
    """The clock of the controller between pairs."""

    now_s: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep
    utc: Callable[[], datetime] = lambda: datetime.now(UTC)


def until_valid(
    attempt: Callable[[int, float], Found],
    disturbances: Callable[[Found], tuple[str, ...] | None],
    on_progress: OnPhase,
    *,
    amount: Amount,
    clock: Clock,
) -> Found:
    """The first attempt that is valid, else the last; blocks.

    Args:
        attempt: measures, given its number from 1 and the time after which nothing more should end.
        disturbances: the flags that say why what it measured is invalid; None when it can be used.
        on_progress: called before each wait, which it is told of.
        amount: the waits, and the time for all attempts.
        clock: the time.

    Raises:
        TaskError: a resident refused or died.
    """
    started_s = clock.now_s()
    for number, backoff_s in enumerate((*amount.backoff_s, None), start=1):
        attempt_started_s = clock.now_s()
        found = attempt(number, started_s + amount.budget_s)
        now_s = clock.now_s()
        again_s = (backoff_s or 0) + now_s - attempt_started_s
        flags = disturbances(found)
        if flags is None or backoff_s is None or not pairs.fits(now_s - started_s, again_s, budget_s=amount.budget_s):
            break
        waiting = _pause(flags, number, len(amount.backoff_s) + 1, now=clock.utc(), backoff_s=backoff_s)
        on_progress(waiting.message, 0.0, waiting)
        clock.wait(backoff_s)
    return found


def _pause(flags: tuple[str, ...], number: int, attempts: int, *, now: datetime, backoff_s: float) -> Waiting:
    why = ", ".join(flags) or "no flags"
    return Waiting(
        reason=WaitsFor.QUIET,
        message=f"attempt {number} of {attempts} was disturbed ({why}); {backoff_s:g} s for a quieter machine",
        since=now,
        until=now + timedelta(seconds=backoff_s),
        flags=flags,
        attempt=number,
        attempts=attempts,
    )
