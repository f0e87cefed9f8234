"""Measures a variant against its baseline in paired, fresh processes; the method is told in docs/measurement.md."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optfarm_tasks.result import BenchmarkResult
    from optfarm_tasks.spec import Task
    from optfarm_tasks.technique import Report


def run(folder: Path, task: "Task", report: "Report") -> "BenchmarkResult":
    """Times inputs/candidate against inputs/baseline and leaves outputs/raw.npz; blocks until it is done.

    Raises:
        BadModel: a variant cannot be loaded or run.
        BadData: the data set cannot be read or does not fit a variant.
        BadParameter: more threads are asked for than this process has cores.
        MissingToolchain: a runtime does not import here.
        OutOfMemory: the kernel ended a variant's process for want of memory.
        WorkerLost: a variant's process was killed from outside.
    """
    # A resident imports this package before it is pinned: nothing heavy may be imported on the way.
    from optfarm_tasks.benchmark.scenarios import benchmark  # noqa: PLC0415 (see above)

    return benchmark(folder, task, report)
