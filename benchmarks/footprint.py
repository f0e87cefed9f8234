"""What the farm costs while it does nothing: start-up of the command line, idle memory, loaded frameworks."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.farm import Farm
from benchmarks.figure import Figure

BIN = Path(sys.executable).parent
FRAMEWORKS = ("tensorflow", "tf_keras", "keras", "torch", "openvino", "onnxruntime", "ai_edge_litert", "h5py")
ROUNDS = 11


def figures(farm: Farm) -> list[Figure]:
    """Start-up time, resident memory of each parent, and frameworks that a parent has loaded."""
    scheduler, worker = farm.process("scheduler"), farm.process("worker")
    return [
        Figure("optfarm --help", _help_s(), "s", "<=", 0.35, f"median wall time of {ROUNDS} runs"),
        Figure("worker, idle", _rss_mb(worker), "MB", "<=", 120, "resident set of the parent"),
        Figure("scheduler, idle", _rss_mb(scheduler), "MB", "<=", 150, "resident set"),
        Figure("frameworks in the worker", _loaded(worker), "", "<=", 0, "shared objects mapped"),
        Figure("frameworks in the scheduler", _loaded(scheduler), "", "<=", 0, "shared objects mapped"),
    ]


def _help_s() -> float:
    def once() -> float:
        started = time.perf_counter()
        subprocess.run([str(BIN / "optfarm"), "--help"], check=True, capture_output=True)
        return time.perf_counter() - started

    once()
    return statistics.median(once() for _ in range(ROUNDS))


def _rss_mb(process: psutil.Process) -> float:
    return process.memory_info().rss / 1e6


def _loaded(process: psutil.Process) -> int:
    mapped = {path for each in process.memory_maps() for path in Path(each.path).parts}
    return len(mapped & set(FRAMEWORKS))
