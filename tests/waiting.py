"""Waits on a condition with a deadline, which is how tests wait for anything."""

import threading
import time
from collections.abc import Callable


def until(condition: Callable[[], object], *, deadline_s: float) -> None:
    """Returns once the condition holds; fails when it does not in time."""
    pause = threading.Event()
    ends_at = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < ends_at, f"it did not come true within {deadline_s} s"
        pause.wait(0.05)
