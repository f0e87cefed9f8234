"""Repeats a measurement while it is invalid, as often as the effort and the time allow."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.pairs import Amount
from optfarm_tasks.technique import OnProgress

Found = TypeVar("Found")


@dataclass(frozen=True)
class Clock:
    """The clock of the controller between pairs."""

    now_s: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def until_valid(
    attempt: Callable[[int, float], Found],
    is_valid: Callable[[Found], bool],
    on_progress: OnProgress,
    *,
    amount: Amount,
    clock: Clock,
) -> Found:
    """The first attempt that is valid, else the last; blocks.

    Args:
        attempt: measures, given its number from 1 and the time after which nothing more should end.
        is_valid: whether what it measured can be used.
        on_progress: called before each wait.
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
        if is_valid(found) or backoff_s is None or not pairs.fits(now_s - started_s, again_s, budget_s=amount.budget_s):
            break
        on_progress(f"waiting {backoff_s:g} s for a quieter machine", 0.0)
        clock.wait(backoff_s)
    return found
