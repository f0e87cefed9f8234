"""Runs int8 forms of a layer whose inputs and weights are all large: PYTHON torch_integers_runs.py FOLDER.

Sums of its products overflow 16 bits, and its ranges do not hold 0. FOLDER/runs.json has what each form loses by the
instruction sets that oneDNN may use.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch_models_runs import found

from optfarm_tasks.actions import convert
from optfarm_tasks.schema.recipe import Recipe

RECIPES = ("torch-int8", "torch-int8(reduce_range=true)", "torch-int8-dynamic")
SETS = ("ALL", "AVX512_CORE", "AVX2")
"""All that the processor has, and those without a sum of products of bytes."""
INPUTS, SAMPLES = 256, 64


def given() -> Any:
    """Samples between 0.8 and 1."""
    return np.random.default_rng(0).uniform(0.8, 1.0, (SAMPLES, INPUTS)).astype(np.float32)


def write(folder: Path) -> None:
    """The layer and its int8 forms, each in a folder of its recipe's name."""
    torch.manual_seed(0)
    layer = nn.Linear(INPUTS, 64)
    layer.weight.data.abs_()
    batch = ({0: torch.export.Dim("batch")},)
    program = torch.export.export(layer.eval(), (torch.rand(2, INPUTS),), dynamic_shapes=batch)
    for name in ("baseline", "data", *RECIPES):
        (folder / name).mkdir()
    torch.export.save(program, folder / "baseline/model.pt2")
    np.savez(folder / "data/data.npz", **{"calibration/input": given()})
    for recipe in RECIPES:
        convert.chain(
            Recipe.parse(recipe), folder / "baseline", folder / recipe, data=folder / "data", seed=0,
            on_progress=lambda *_: None,
        )  # fmt: skip


def losses(folder: Path) -> dict[str, float]:
    """Mean square error over variance of each form, in this process."""
    right = found(folder / "baseline", {"input": given()})[0]["output"]
    made = {recipe: found(folder / recipe, {"input": given()})[0]["output"] for recipe in RECIPES}
    return {recipe: float(((array - right) ** 2).mean() / right.var()) for recipe, array in made.items()}


def runs(folder: Path) -> dict[str, dict[str, float]]:
    """The losses by instruction sets, each in a process of its own, for oneDNN reads them once."""
    write(folder)
    found = {}
    for sets in SETS:
        command = [sys.executable, __file__, str(folder), "losses"]
        environment = os.environ | {"ONEDNN_MAX_CPU_ISA": sets}
        ended = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        found[sets] = json.loads(ended.stdout.splitlines()[-1])
    return found


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if "losses" in sys.argv:
        sys.stdout.write(json.dumps(losses(target)) + "\n")
    else:
        (target / "runs.json").write_text(json.dumps(runs(target)))
