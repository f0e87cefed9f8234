"""The farm's own turn: a sweep on an embedded farm, whose artifacts are ranked like anybody's."""

import re
from pathlib import Path

from benchmarks.farm import Farm
from benchmarks.peers.contest import Entry, Ranking
from benchmarks.peers.peer import Artifact
from benchmarks.peers.pilotnet import PilotNet
from optfarm.loss import loss
from optfarm_tasks.measurement import Verdict
from optfarm_tasks.sweep import Report, Row

RECIPES = (
    "tflite-int8",
    "tflite-int8-float",
    "onnx-int8",
    "openvino-int8",
    "openvino-int8-accuracy",
    "qat -> tflite-int8",
    "prune-units(epochs=4) -> tflite-int8",
    "prune-units(epochs=4) -> tflite-int8-float",
    "prune-units(epochs=4) -> deep-compression(sparsity=0.5, epochs=4)",
)
"""What can be expected to be fast or small on a processor; --recipe names others."""


def rank(farm: Farm, model: PilotNet, folder: Path, recipes: tuple[str, ...], *, max_loss: float) -> Ranking:
    """Sweeps the recipes with the profile quick and brings every artifact within the limit to the folder."""
    words = [word for recipe in recipes for word in ("--recipe", recipe)]
    data = ("--data", str(model.data))
    receipt = farm.json("sweep", "run", str(model.keras), "--name", "pilotnet", "--profile", "quick", *data, *words)
    farm.wait(receipt["id"])
    report = Report.model_validate(farm.json("report", receipt["id"]))
    reasons = {str(row.recipe): _why_not(row, max_loss=max_loss) for row in report.rows}
    entries = [_entry(farm, row, report.sweep_id, folder) for row in report.rows if not reasons[str(row.recipe)]]
    skipped = {str(each.recipe): each.reason for each in report.skipped}
    refused = {recipe: reason for recipe, reason in reasons.items() if reason}
    return Ranking(tuple(sorted(entries, key=lambda entry: -entry.measured.ratio.value)), skipped | refused)


def _entry(farm: Farm, row: Row, sweep_id: str, folder: Path) -> Entry:
    place = folder / re.sub(r"[^A-Za-z0-9._-]+", "-", str(row.recipe)).strip("-")
    farm.optfarm("artifact", "pull", sweep_id, str(row.recipe), "--to", str(place))
    lost = loss(row.quality) if row.quality else None
    if lost is None or row.measurement is None:
        raise RuntimeError(f"{row.recipe} is eligible without a loss or a measurement")
    return Entry(Artifact(str(row.recipe), place), lost, row.measurement)


def _why_not(row: Row, *, max_loss: float) -> str:
    """Why a variant does not count, by the same rules as those of peers; empty where it does."""
    if row.failure is not None:
        return f"{row.failure.reason}: {row.failure.message}"
    lost = loss(row.quality) if row.quality else None
    if row.quality is None or row.quality.collapsed or lost is None:
        return (row.quality and row.quality.collapse_reason) or "its quality cannot be told"
    if lost > max_loss:
        return f"its error rises by {lost:.1%}"
    is_timed = row.measurement is not None and row.measurement.verdict is not Verdict.INVALID
    return "" if is_timed else "the machine was too busy to time it"
