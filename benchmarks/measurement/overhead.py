"""What the farm's clock costs a request, against a bare loop in the same process."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.measurement import bare, shielded
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import Rig, Row
from benchmarks.measurement.subjects import prepared
from optfarm_tasks.benchmark.controller.paired_scenarios import variant_of

RUNS = 2
EMPTY = "an empty request"
ABSOLUTE_US, RELATIVE = 2.0, 1.0
"""Bounds: microseconds where a request is empty, percent of one that works."""


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Each request, timed in processes of their own, so many times."""
    artifacts = {subject.name: subject.tflite for subject in prepared(folder / "models")}
    for number in range(count):
        for name, artifact in {EMPTY: None, **artifacts}.items():
            journal.once(partial(_turns, rig, artifact), request=name, run=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """What it costs to time a request, and how far what is recorded is from the bare loop."""
    return [figure for name in dict.fromkeys(row["request"] for row in rows) for figure in _figures(name, rows)]


def _figures(name: str, rows: Sequence[Row]) -> Iterator[Figure]:
    groups = [group for row in rows if row["request"] == name for group in _groups(row["turns"])]
    bare_us = float(np.median([group["bare"] for group in groups])) / 1e3
    for label, key in (("cost of timing", "farm"), ("error of what is recorded", "recorded")):
        added_us = float(np.median([group[key] - group["bare"] for group in groups])) / 1e3
        share = 100 * added_us / bare_us
        value, unit, bound = (added_us, "µs", ABSOLUTE_US) if name == EMPTY else (share, "%", RELATIVE)
        note = f"{added_us:+.2f} µs on {bare_us:.4g} µs, the median of {len(groups)} groups A B B A"
        yield Figure(f"{label}, {name}", value if key == "farm" else abs(value), unit, "<=", bound, note)


def _groups(turns: Sequence[Row]) -> Iterator[Row]:
    """Means in ns of each A B B A: of the bare loop, of the farm's, and what the farm's clock recorded."""
    for start in range(0, len(turns), 4):
        own = turns[start : start + 4]
        loops = {loop: [turn for turn in own if turn["loop"] == loop] for loop in ("bare", "farm")}
        yield {
            **{loop: float(np.mean([turn["request_ns"] for turn in taken])) for loop, taken in loops.items()},
            "recorded": float(np.mean([turn["recorded_ns"] for turn in loops["farm"]])),
        }


def _turns(rig: Rig, artifact: Path | None) -> Row:
    words = [] if artifact is None else [variant_of("", artifact).runtime, str(artifact.absolute())]
    cores = ",".join(map(str, rig.cores))
    command = [sys.executable, "-m", shielded.__name__, cores, sys.executable, "-m", bare.__name__, *words]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, start_new_session=True)
    return {"turns": json.loads(ended.stdout.splitlines()[-1])}
