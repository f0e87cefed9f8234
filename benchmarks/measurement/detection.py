"""Checks that the verdict marks a disturbed measurement, and that the ratio shows a small slowdown."""

import contextlib
import math
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.measurement import load, slowed
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import QUICK, Rig, Row, is_clean, ratio_row
from benchmarks.measurement.subjects import prepared
from optfarm_tasks.benchmark.controller.paired_scenarios import variant_of

RUNS = 20
"""Of each kind."""
SLOWDOWN = 0.03
CALIBRATIONS = 3
QUIET = "quiet"
AMOUNTS = {QUIET: QUICK, load.RIVAL: replace(QUICK, min_pairs=1, max_pairs=1), load.ORDINARY: QUICK}
"""What runs beside, and how much is measured: a verdict takes one pair, a ratio three."""


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Runs of MobileNetV2 in LiteRT against itself, slowed: in quiet, beside a rival, beside an ordinary process."""
    artifact = next(each.tflite for each in prepared(folder / "models") if each.name == "MobileNetV2")
    for number in range(CALIBRATIONS):
        journal.once(partial(calibrated, rig, artifact, seed=number), kind="calibration", run=number)
    spin_ns = round(SLOWDOWN * min(row["p50_ns"] for row in _of(journal.rows, "calibration")))
    slower = slowed.variant(variant_of("", artifact), folder / "slowed", spin_ns=spin_ns)

    def measured(kind: str, seed: int) -> Row:
        with _beside(kind, rig.cores):
            return {"spin_ns": spin_ns, **ratio_row(rig.measure(artifact, slower, amount=AMOUNTS[kind], seed=seed))}

    for number in range(count):
        for kind in AMOUNTS:
            journal.once(partial(measured, kind, number), kind=kind, run=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The shares of runs that were judged as they should be."""
    if not rows:
        return []
    quiet, rival, ordinary = (_of(rows, kind) for kind in (QUIET, load.RIVAL, load.ORDINARY))
    return [
        _share("verdict not clean beside a rival", rival, lambda row: not is_clean(row), 95, _verdicts(rival)),
        _share("verdict clean in quiet", quiet, is_clean, 80, _verdicts(quiet)),
        _share("3% slower: seen as slower", quiet, lambda row: row["ratio"] < 1, 95, _slowdowns(quiet)),
        _share(
            "beside an ordinary process: not clean, or seen as slower",
            ordinary,
            lambda row: not is_clean(row) or row["ratio"] < 1,
            95,
            f"{_verdicts(ordinary)}; {_slowdowns(ordinary)}",
        ),
    ]


def _share(name: str, rows: Sequence[Row], holds: Callable[[Row], bool], bound: float, note: str) -> Figure:
    value = 100 * sum(map(holds, rows)) / len(rows) if rows else -math.inf
    return Figure(name, value, "%", ">=", bound, note)


def _verdicts(rows: Sequence[Row]) -> str:
    if not rows:
        return "no runs"
    seen = [row["verdict"] for row in rows]
    counts = ", ".join(f"{seen.count(verdict)} {verdict}" for verdict in dict.fromkeys(seen))
    return f"of {len(rows)} runs: {counts}"


def _slowdowns(rows: Sequence[Row]) -> str:
    if not rows:
        return "no runs"
    found = [1 / row["ratio"] - 1 for row in rows]
    sure = sum(row["ci95"][1] < 1 for row in rows)
    spread = f"{min(found):.1%} to {max(found):.1%}"
    return f"found {np.median(found):.1%} at the median, {spread}; {sure} intervals lie below 1"


def calibrated(rig: Rig, artifact: Path, *, seed: int) -> Row:
    """The undisturbed latency, which the slowdown is a share of."""
    with rig.warm(artifact, seed=seed) as own:
        own.turn()
        row = own.row(last=1)
    if not is_clean(row):
        raise SystemExit("the machine is too busy to find out what 3% of a latency is: run it again")
    return row


@contextlib.contextmanager
def _beside(kind: str, cores: tuple[int, ...]) -> Iterator[None]:
    """Something else on the residents' core, unless it is to be quiet."""
    if kind == QUIET:
        yield
        return
    words = [str(cores[0]), str(os.getpid()), kind]
    process = subprocess.Popen([sys.executable, "-m", load.__name__, *words], start_new_session=True)
    try:
        yield
        if process.poll() is not None:
            raise SystemExit(f"the {kind} process did not stay: exit code {process.returncode}")
    finally:
        process.kill()
        process.wait()


def _of(rows: Sequence[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["kind"] == kind]
