"""The farm's own turn: a sweep on an embedded farm, whose artifacts are ranked like anybody's."""

import re
from pathlib import Path

from benchmarks.farm import Farm
from benchmarks.peers.contest import Entry, Ranking
from benchmarks.peers.peer import Artifact
from benchmarks.peers.pilotnet import PilotNet
from optfarm.loss import loss
from optfarm.row import is_eligible
from optfarm_tasks.sweep import Report, Row

RECIPES = (
    "tflite-int8",
    "tflite-int8-float",
    "onnx-int8",
    "onnx-dynamic",
    "openvino-int8",
    "openvino-int8-accuracy",
    "prune -> tflite-int8",
    "prune -> openvino-int8",
    "qat -> tflite-int8",
    "deep-compression",
)
"""What can be expected to be fast or small on a processor; --recipe names others."""


def rank(farm: Farm, model: PilotNet, folder: Path, recipes: tuple[str, ...], *, max_loss: float) -> Ranking:
    """Sweeps the recipes with the profile quick and brings every artifact within the limit to the folder."""
    words = [word for recipe in recipes for word in ("--recipe", recipe)]
    data = ("--data", str(model.data))
    receipt = farm.json("sweep", "run", str(model.keras), "--name", "pilotnet", "--profile", "quick", *data, *words)
    farm.wait(receipt["id"])
    report = Report.model_validate(farm.json("report", receipt["id"]))
    rows = [row for row in report.rows if is_eligible(row, max_loss=max_loss) and row.artifact is not None]
    entries = [_entry(farm, row, report.sweep_id, folder) for row in rows]
    skipped = {str(each.recipe): each.reason for each in report.skipped}
    refused = {str(row.recipe): _why_not(row) for row in report.rows if row not in rows}
    return Ranking(tuple(sorted(entries, key=lambda entry: -entry.measured.ratio.value)), skipped | refused)


def _entry(farm: Farm, row: Row, sweep_id: str, folder: Path) -> Entry:
    place = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", str(row.recipe)).strip("-")
    farm.optfarm("artifact", "pull", sweep_id, str(row.recipe), "--to", str(place))
    lost = loss(row.quality) if row.quality else None
    if lost is None or row.measurement is None:
        raise RuntimeError(f"{row.recipe} is eligible without a loss or a measurement")
    return Entry(Artifact(str(row.recipe), place), lost, row.measurement)


def _why_not(row: Row) -> str:
    if row.failure is not None:
        return f"{row.failure.reason}: {row.failure.message}"
    lost = loss(row.quality) if row.quality else None
    return "it was not measured" if lost is None else f"its error rises by {lost:.1%}"
