"""Whether the verdict tells a disturbed measurement from a quiet one, and the ratio a small slowdown from none."""

import contextlib
import math
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.measurement import shielded, slowed
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import QUICK, Rig, Row, is_clean, ratio_row
from benchmarks.measurement.subjects import prepared
from optfarm_tasks.benchmark.controller import variant_of

RUNS = 20
"""Of each kind."""
SLOWDOWN = 0.03
CALIBRATIONS = 3
_SPIN = "import os; os.sched_setaffinity(0, {cores}); list(iter(int, 1))"
"""Keeps the cores busy for ever."""


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Runs of MobileNetV2 in LiteRT against itself, slowed: in quiet, beside a rival, beside an ordinary process."""
    artifact = next(each.tflite for each in prepared(folder / "models") if each.name == "MobileNetV2")
    for number in range(CALIBRATIONS):
        journal.once(partial(rig.latency, artifact, seed=number), kind="calibration", run=number)
    spin_ns = round(SLOWDOWN * min(row["p50_ns"] for row in _of(journal.rows, "calibration")))
    slower = slowed.variant(variant_of("", artifact), folder / "slowed", spin_ns=spin_ns)

    def measured(kind: str, seed: int) -> Row:
        load, amount = _KINDS[kind]
        with load(rig.cores):
            return {"spin_ns": spin_ns, **ratio_row(rig.measure(artifact, slower, amount=amount, seed=seed))}

    for number in range(count):
        for kind in _KINDS:
            journal.once(partial(measured, kind, number), kind=kind, run=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """The shares of runs that were judged as they should be."""
    if not rows:
        return []
    quiet, rival, ordinary = (_of(rows, kind) for kind in ("quiet", "rival", "ordinary"))
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
    told = ", ".join(f"{seen.count(verdict)} {verdict}" for verdict in dict.fromkeys(seen))
    return f"of {len(rows)} runs: {told}"


def _slowdowns(rows: Sequence[Row]) -> str:
    if not rows:
        return "no runs"
    found = [1 / row["ratio"] - 1 for row in rows]
    sure = sum(row["ci95"][1] < 1 for row in rows)
    spread = f"{min(found):.1%} to {max(found):.1%}"
    return f"found {np.median(found):.1%} at the median, {spread}; {sure} intervals lie below 1"


@contextlib.contextmanager
def _quiet(_: tuple[int, ...]) -> Iterator[None]:
    yield


def _rival(cores: tuple[int, ...]) -> contextlib.AbstractContextManager[None]:
    """A process of the same rights as a resident."""
    return _busy([sys.executable, "-m", shielded.__name__, ",".join(map(str, cores)), *_spin(cores)])


def _ordinary(cores: tuple[int, ...]) -> contextlib.AbstractContextManager[None]:
    """A process that the shield holds off."""
    return _busy(_spin(cores))


def _spin(cores: tuple[int, ...]) -> list[str]:
    return [sys.executable, "-c", _SPIN.format(cores=set(cores))]


@contextlib.contextmanager
def _busy(command: Sequence[str]) -> Iterator[None]:
    process = subprocess.Popen(command, start_new_session=True)
    try:
        yield
    finally:
        process.kill()
        process.wait()


_KINDS = {
    "quiet": (_quiet, QUICK),
    "rival": (_rival, replace(QUICK, min_pairs=1, max_pairs=1)),
    "ordinary": (_ordinary, QUICK),
}
"""What runs beside, and how much is measured: the verdict beside a rival takes one pair, a ratio three."""


def _of(rows: Sequence[Row], kind: str) -> list[Row]:
    return [row for row in rows if row["kind"] == kind]
