"""How much a ratio varies from run to run, beside what a naive mean of the same artifacts does."""

import math
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.measurement import naive
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import QUICK, Rig, Row, ratio_row, variation
from benchmarks.measurement.subjects import prepared
from optfarm_tasks.benchmark.controller.paired_scenarios import variant_of
from optfarm_tasks.schema.measurement import Verdict

RUNS = 12
FEWEST = 10
BOUND = 2.0
"""Percent."""


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Runs of MobileNetV2: LiteRT as the candidate, ONNX Runtime as the baseline."""
    subject = next(each for each in prepared(folder / "models") if each.name == "MobileNetV2")
    for number in range(count):
        journal.once(partial(_run, rig, subject.onnx, subject.tflite, seed=number), run=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The variation of the ratio; the naive one stands in the note."""
    if not rows:
        return []
    usable = [row for row in rows if row["verdict"] != Verdict.INVALID]
    value = 100 * variation([row["ratio"] for row in usable]) if len(usable) >= FEWEST else math.inf
    candidates = [row["naive_ns"][1] for row in rows]
    ratios = [baseline / candidate for baseline, candidate in (row["naive_ns"] for row in rows)]
    note = (
        f"of {len(usable)} runs, MobileNetV2, ONNX Runtime ÷ LiteRT; in the same runs the mean of {naive.CALLS} calls "
        f"varies by {variation(candidates):.1%}, the ratio of two such means by {variation(ratios):.1%}"
    )
    return [Figure("variation of the ratio", value, "%", "<=", BOUND, note)]


def _run(rig: Rig, baseline: Path, candidate: Path, *, seed: int) -> Row:
    means = [_naive_ns(artifact) for artifact in (baseline, candidate)]
    return {"naive_ns": means, **ratio_row(rig.measure(baseline, candidate, amount=QUICK, seed=seed))}


def _naive_ns(artifact: Path) -> float:
    words = [variant_of("", artifact).runtime, str(artifact.absolute())]
    command = [sys.executable, "-m", naive.__name__, *words]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[-1])
