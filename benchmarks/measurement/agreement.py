"""Whether others' tools read the same latency of the same artifact, in rounds that take turns with the farm."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.figure import Figure
from benchmarks.measurement import compiled, placed, scattered
from benchmarks.measurement.journal import Journal
from benchmarks.measurement.rig import Rig, Row, is_clean
from benchmarks.measurement.subjects import Subject, prepared
from benchmarks.measurement.yardsticks import TIMED_TURNS, Tools
from optfarm_tasks.benchmark.controller.resident import Variant

ROUNDS = 10
FEWEST = 6
"""Clean rounds below which nothing is agreed on."""


@dataclass(frozen=True)
class Yardstick:
    """A tool, the artifact that both it and the farm run, and the bounds in percent of what they read."""

    title: str
    bounds: dict[str, float]
    artifact: Callable[[Subject], Path | Variant]
    ask: Callable[..., Row]
    times: int = 1
    """Rounds for each that is asked for."""
    is_stopped: bool = True
    """Whether it takes turns of a second with the farm; else the farm goes first and last."""

    @property
    def turns(self) -> int:
        """How many of the farm's last turns are about the time in which the tool times."""
        return TIMED_TURNS if self.is_stopped else 2


YARDSTICKS = (
    # Processes of ONNX Runtime differ from each other by 1.5%, those of the others by 0.5%.
    Yardstick("LoadGen", {"p50": 1, "p90": 2}, lambda subject: subject.onnx, Tools.loadgen, times=2),
    Yardstick("LoadGen Offline", {"mean": 3}, lambda subject: subject.onnx, Tools.loadgen_offline, is_stopped=False),
    Yardstick(
        "benchmark_app",
        {"p50": 2},
        lambda subject: Variant("", subject.openvino, placed.__name__),
        Tools.benchmark_app,
    ),
    Yardstick(
        "litert-benchmark",
        {"p50": 1},
        lambda subject: Variant("", subject.tflite, compiled.__name__),
        Tools.litert_benchmark,
    ),
)
_SAID = {"p50": "median", "p90": "p90", "mean": "mean"}


def take(rig: Rig, journal: Journal, folder: Path, *, count: int) -> None:
    """Takes rounds until each tool has its number of clean ones for each model, or twice as many in all."""
    subjects, tools = prepared(folder / "models"), Tools(rig.cores, folder)
    for number in range(2 * count * max(each.times for each in YARDSTICKS)):
        for subject in subjects:
            for yardstick in YARDSTICKS:
                own, wanted = _rows(journal.rows, subject.name, yardstick.title), count * yardstick.times
                if sum(map(is_clean, own)) < wanted and number < 2 * wanted:
                    taken = partial(_round, rig, tools, yardstick, subject=subject, number=number)
                    journal.once(taken, model=subject.name, tool=yardstick.title, round=number)


def figures(rows: Sequence[Row]) -> list[Figure]:
    """How far each tool is from the farm, on each model."""
    models = dict.fromkeys(row["model"] for row in rows)
    return [
        figure
        for yardstick in YARDSTICKS
        for model in models
        for figure in _figures(_rows(rows, model, yardstick.title), yardstick, model)
    ]


def _figures(rows: Sequence[Row], yardstick: Yardstick, model: str) -> Iterator[Figure]:
    clean = [row for row in rows if is_clean(row)]
    if not rows:
        return
    for statistic, bound in yardstick.bounds.items():
        apart = [100 * (row["theirs"][f"{statistic}_ns"] / row[f"{statistic}_ns"] - 1) for row in clean]
        value = abs(float(np.median(apart))) if len(apart) >= FEWEST else math.inf
        yield Figure(
            f"{yardstick.title}, {_SAID[statistic]}, {model}", value, "%", "<=", bound, _note(clean, rows, apart)
        )


def _note(clean: Sequence[Row], rows: Sequence[Row], apart: Sequence[float]) -> str:
    left_out = f"; {len(rows) - len(clean)} rounds were not clean" if len(clean) < len(rows) else ""
    if not clean:
        return f"no clean round of {len(rows)}"
    latency_ms = float(np.median([row["p50_ns"] for row in clean])) / 1e6
    return (
        f"{latency_ms:.3g} ms; median {np.median(apart):+.2f}% of {len(clean)} rounds, "
        f"{min(apart):+.1f} to {max(apart):+.1f}%{left_out}"
    )


def _round(rig: Rig, tools: Tools, yardstick: Yardstick, *, subject: Subject, number: int) -> Row:
    """The latencies of the tool, and those of the farm meanwhile."""
    with scattered.taken(), rig.warm(yardstick.artifact(subject), seed=number) as own:
        own.turn()
        meanwhile = own.turn if yardstick.is_stopped else None
        theirs = yardstick.ask(tools, subject, expected_ns=own.row(last=1)["p50_ns"], meanwhile=meanwhile)
        own.turn()
        return {**own.row(last=yardstick.turns), "theirs": theirs}


def _rows(rows: Sequence[Row], model: str, tool: str) -> list[Row]:
    return [row for row in rows if row["model"] == model and row["tool"] == tool]
