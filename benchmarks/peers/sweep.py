"""The farm's own turn: a sweep on an embedded farm, whose artifacts are then judged like anybody's."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from benchmarks.farm import Farm, running_farm
from benchmarks.peers.peer import Artifact, Searched
from benchmarks.peers.pilotnet import PilotNet
from optfarm_tasks.schema.sweep import SweepReport

BASELINE = "baseline"
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


def search(model: PilotNet, folder: Path, recipes: tuple[str, ...]) -> Searched:
    """Sweeps the recipes at the effort quick and brings every artifact to folder/found.

    What an earlier sweep of these recipes left is kept; remove the folder to sweep again.
    """
    found = folder / "found"
    said = found / "said.json"
    kept = json.loads(said.read_text()) if said.exists() else {}
    if kept.get("recipes") != list(recipes):
        shutil.rmtree(found, ignore_errors=True)
        found.mkdir(parents=True)
        with running_farm() as farm:
            kept = {"recipes": recipes, **_swept(farm, model, found, recipes)}
        said.write_text(json.dumps(kept))
    artifacts = tuple(Artifact(recipe, found / place) for recipe, place in kept["places"].items())
    did = f"a sweep of {', '.join(f'`{recipe}`' for recipe in recipes)}"
    return Searched(artifacts, did=did, failed=kept["failed"])


def _swept(farm: Farm, model: PilotNet, found: Path, recipes: tuple[str, ...]) -> dict[str, Any]:
    """Where each recipe's artifact lies, and why others have none."""
    words = [word for recipe in recipes for word in ("--recipe", recipe)]
    data = ("--data", str(model.data))
    receipt = farm.json("sweep", "run", str(model.keras), "--name", "pilotnet", "--effort", "quick", *data, *words)
    farm.wait(receipt["id"])
    report = SweepReport.model_validate(farm.json("report", receipt["id"]))
    failed = {str(each.recipe): each.reason for each in report.skipped}
    places: dict[str, str] = {}
    for row in report.rows:
        recipe = str(row.recipe)
        if row.artifact is None:
            failed[recipe] = f"{row.failure.reason}: {row.failure.message}" if row.failure else "it has no artifact"
        elif recipe != BASELINE:
            places[recipe] = re.sub(r"[^A-Za-z0-9._-]+", "-", recipe).strip("-")
            farm.optfarm("artifact", "pull", report.sweep_id, recipe, "--to", str(found / places[recipe]))
    return {"places": places, "failed": failed}
