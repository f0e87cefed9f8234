"""Runs fixed work whose duration tells whether a device still is what it was; the chart is the scheduler's."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optfarm_tasks.result import CanaryResult
    from optfarm_tasks.technique import Report


def run(folder: Path, report: "Report") -> "CanaryResult":
    """Times a matrix product against itself, then copies in memory, on the last core; blocks for ten seconds.

    Raises:
        WorkerLost: a process was killed from outside.
        OutOfMemory: the kernel ended a process for want of memory.
    """
    # A resident imports this package before it is pinned: nothing heavy may be imported on the way.
    from optfarm_tasks.canary.twin import canary  # noqa: PLC0415 (see above)

    return canary(folder, report)
