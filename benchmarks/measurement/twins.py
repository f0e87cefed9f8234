"""Whether the interval of an artifact against itself holds 1, as often as 95% promises."""

import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import QUICK, Rig, Row, ratio_row
from benchmarks.measurement.subjects import prepared
from optfarm_tasks.schema.measurement import Verdict

TWINS = 40
FEWEST = 30
BOUND = 90.0
"""Percent of the twins."""


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Twins of MobileNetV2 in LiteRT."""
    artifact = next(each.tflite for each in prepared(folder / "models") if each.name == "MobileNetV2")

    def twin(number: int) -> Row:
        return ratio_row(rig.measure(artifact, artifact, amount=QUICK, seed=number))

    for number in range(count):
        journal.once(partial(twin, number), twin=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The share of intervals that hold 1, among measurements that may be used."""
    if not rows:
        return []
    usable = [row for row in rows if row["verdict"] != Verdict.INVALID]
    held = [row["ci95"][0] <= 1 <= row["ci95"][1] for row in usable]
    value = 100 * sum(held) / len(held) if len(held) >= FEWEST else -math.inf
    note = f"{sum(held)} of {len(held)} twins of MobileNetV2 in LiteRT"
    if usable:
        half = np.median([(row["ci95"][1] - row["ci95"][0]) / 2 for row in usable])
        note += f"; half of the interval is {half:.1%} at the median, the worst ratio {_worst(usable):.4f}"
    return [Figure("intervals of twins that hold 1", value, "%", ">=", BOUND, note)]


def _worst(rows: Sequence[Row]) -> float:
    return float(max((row["ratio"] for row in rows), key=lambda ratio: abs(math.log(ratio))))
