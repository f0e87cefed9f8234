"""Tells how far a task is: JSON lines on a descriptor where someone listens, else plain lines on stderr."""

import json
import os
import sys
import time
from typing import Protocol

from optfarm_tasks.schema.waiting import Waiting

DESCRIPTOR = "OPTFARM_PROGRESS_FD"
_PAUSE_S = 0.1


class OnPhase(Protocol):
    """An `OnProgress` that can also say what the work waits for."""

    def __call__(self, phase: str, fraction: float, waiting: Waiting | None = None, /) -> None:
        """Tells a phase, the fraction done, and for what it waits while it does nothing else."""


class ProgressStream:
    """An OnPhase that holds back what nobody could read: within a phase, one line in a tenth of a second."""

    def __init__(self, descriptor: int | None) -> None:
        """Writes to a descriptor, or to stderr if there is none."""
        self._descriptor = descriptor
        self._phase = ""
        self._told_s = 0.0

    def __call__(self, phase: str, fraction: float, waiting: Waiting | None = None, /) -> None:
        """Tells a phase, the fraction done, which is brought into 0..1, and for what it waits."""
        now_s = time.monotonic()
        if phase == self._phase and fraction < 1 and now_s - self._told_s < _PAUSE_S:
            return
        self._phase, self._told_s = phase, now_s
        self._write(phase, min(1.0, max(0.0, fraction)), waiting)

    def _write(self, phase: str, fraction: float, waiting: Waiting | None) -> None:
        if self._descriptor is None:
            sys.stderr.write(f"{phase}: {fraction:.0%}\n")
            return
        told = {"phase": phase, "fraction": round(fraction, 4)}
        line = json.dumps(told | ({"waiting": waiting.model_dump(mode="json")} if waiting else {})) + "\n"
        try:
            os.write(self._descriptor, line.encode())
        except OSError:
            # Whoever listened is gone; the work is not the worse for it.
            self._descriptor = None


def from_environment() -> ProgressStream:
    """Progress to the descriptor that the environment names, if it names an open one."""
    named = os.environ.get(DESCRIPTOR, "")
    if not named.isdecimal():
        return ProgressStream(None)
    try:
        os.fstat(int(named))
    except OSError:
        return ProgressStream(None)
    return ProgressStream(int(named))
