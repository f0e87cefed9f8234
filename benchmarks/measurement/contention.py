"""Whether the interval that is published beside others' work holds the ratio that the machine shows in quiet."""

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.measurement import crowd, repeated, slowed
from benchmarks.measurement.detection import SLOWDOWN, calibrated
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import QUICK, Rig, Row, ratio_row
from benchmarks.measurement.subjects import Subject, prepared
from optfarm_tasks.benchmark.controller.paired_scenarios import variant_of
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.schema.measurement import Verdict

RUNS = 4
"""Of each ratio beside each load."""
QUIET_RUNS = 5
QUIET = "quiet"
BOUND = 90.0
"""Percent of the measurements that are not invalid."""

Pair = tuple[Path | Variant, Path | Variant]


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Each known ratio in quiet, then beside each load in turn."""
    subjects = {each.name: each for each in prepared(folder / "models")}
    ratios = _ratios(rig, subjects, folder / "known", journal)

    def measured(load: str, ratio: str, seed: int) -> Row:
        with _beside(load, folder, subjects["MobileNetV2"].tflite):
            return ratio_row(rig.measure(*ratios[ratio], amount=QUICK, seed=seed))

    for number in range(QUIET_RUNS):
        for ratio in ratios:
            journal.once(partial(measured, QUIET, ratio, number), load=QUIET, ratio_name=ratio, run=number)
    for number in range(count):
        for load in crowd.KINDS:
            for ratio in ratios:
                journal.once(partial(measured, load, ratio, number), load=load, ratio_name=ratio, run=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The share of intervals that hold the quiet ratio: over all loads, which has the bound, and beside each."""
    named = dict.fromkeys(row["ratio_name"] for row in rows if "ratio_name" in row)
    truths = {name: _truth(rows, name) for name in named}
    beside = {load: [row for row in rows if row.get("load") == load] for load in crowd.KINDS}
    if not any(beside.values()):
        return []
    every = [row for found in beside.values() for row in found]
    each = (_share(load, found, truths, bound=None) for load, found in beside.items())
    return [_share("all loads", every, truths, bound=BOUND), *each]


def _truth(rows: Sequence[Row], name: str) -> float:
    """The quiet ratio: the median of the quiet measurements."""
    quiet = [row["ratio"] for row in rows if row.get("load") == QUIET and row["ratio_name"] == name]
    return float(np.median(quiet)) if quiet else math.nan


def _share(name: str, rows: Sequence[Row], truths: dict[str, float], *, bound: float | None) -> Figure:
    usable = [row for row in rows if row["verdict"] != Verdict.INVALID]
    held = [row for row in usable if row["ci95"] and row["ci95"][0] <= truths[row["ratio_name"]] <= row["ci95"][1]]
    widths = [row["ci95"][1] / row["ci95"][0] - 1 for row in usable if row["ci95"] and row["ci95"][0] > 0]
    note = f"{len(held)} of {len(usable)} intervals; {len(rows) - len(usable)} of {len(rows)} measurements are invalid"
    if widths:
        note += f"; an interval spans {np.median(widths):.1%} of its ratio at the median, {max(widths):.1%} at the most"
    value = 100 * len(held) / len(usable) if usable else math.nan
    return Figure(f"{name}: intervals that hold the quiet ratio", value, "%", ">=", bound, note)


def _ratios(rig: Rig, subjects: dict[str, Subject], folder: Path, journal: Journal) -> dict[str, Pair]:
    small, large = subjects["MobileNetV2"].tflite, subjects["PilotNet"].tflite
    plain = variant_of("", small)
    journal.once(partial(calibrated, rig, small, seed=0), kind="calibration")
    p50_ns = next(row["p50_ns"] for row in journal.rows if row.get("kind") == "calibration")
    return {
        "x 1.03": (small, slowed.variant(plain, folder / "slowed", spin_ns=round(SLOWDOWN * p50_ns))),
        "x 2": (repeated.variant(plain, folder / "twice", times=2), small),
        "x 8": (repeated.variant(plain, folder / "eight", times=8), small),
        "memory against compute": (large, small),
    }


@contextlib.contextmanager
def _beside(load: str, folder: Path, artifact: Path) -> Iterator[None]:
    """A load on every core, each a process of its own; nothing in quiet."""
    if load == QUIET:
        yield
        return
    (folder / "artifact").write_text(str(artifact.absolute()))
    cores = sorted(os.sched_getaffinity(0)) if load != crowd.farm.__name__ else [0]
    words = [sys.executable, "-m", crowd.__name__, load]
    crowded = [
        subprocess.Popen([*words, str(core), str(os.getpid()), str(folder)], start_new_session=True) for core in cores
    ]
    try:
        yield
        if gone := [each.returncode for each in crowded if each.poll() is not None]:
            raise SystemExit(f"the {load} load did not stay: exit codes {gone}")
    finally:
        for each in crowded:
            os.killpg(each.pid, signal.SIGKILL)
            each.wait()
