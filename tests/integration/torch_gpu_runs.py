"""Runs exported programs on the GPU of this machine: PYTHON torch_gpu_runs.py FOLDER, by the toolchain torch-cuda.

FOLDER/runs.json has by model and recipe how far the outputs are from the CPU's, and what the clocks say.
"""

import json
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import torch
from torch_programs import TAKEN, drawn, programs

from optfarm_tasks import formats
from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.runtimes import torch as runtime
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Recipe

GPU = DeviceSpec(kind=DeviceKind.GPU, index=0)
RECIPES = (
    "baseline", "torch-tf32", "torch-float16", "torch-bfloat16", "torch-compile", "torch-cuda-graph",
    "torch-compile -> torch-cuda-graph", "torch-float16 -> torch-cuda-graph",
)  # fmt: skip
MODELS = ("images", "channels_last", "named", "recurrent", "encoder", "constant", "language")
REQUESTS = 20


def observed(folder: Path, arrays: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the last of some requests gave, and how long it took by each clock."""
    session: Any = runtime.load(folder, threads=1, device=GPU)
    feed = session.feed(arrays)
    for _ in range(REQUESTS):
        start = perf_counter_ns()
        request = session.enqueue(feed)
        enqueued_ns = perf_counter_ns() - start
        raw = request.result()
        wall_ns = perf_counter_ns() - start
    device = request.device_time()
    clocks = {"wall_ns": wall_ns, "enqueue_ns": enqueued_ns, "compute_ns": device.compute_ns}
    outputs = {name: np.array(each) for name, each in session.outputs(raw).items()}
    return outputs, clocks | {"is_over": request.is_over(), "precision": session.precision}


def outcome(recipe: str, folder: Path, arrays: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    output = folder.parent / f"{folder.name}-{recipe}".replace(" ", "")
    output.mkdir()
    try:
        convert.chain(Recipe.parse(recipe), folder, output, data=None, seed=0, on_progress=lambda *_: None)
        outputs, said = observed(output, arrays)
    except TaskError as error:
        return {"refused": f"{error.reason}: {error}"}
    losses = []
    for name, array in right.items():
        agreement = Agreement()
        agreement.add(array, outputs[name])
        losses.append(agreement.nmse)
    return said | {"nmse": max(losses)}


def exhausted(folder: Path, arrays: dict[str, Any]) -> str:
    """What is said of a request that is larger than the GPU's memory."""
    session: Any = runtime.load(folder, threads=1, device=GPU)
    torch.cuda.set_per_process_memory_fraction(1e-4)
    try:
        (name,) = arrays
        session.run(session.feed({name: np.zeros((1 << 14, *arrays[name].shape[1:]), np.float32)}))
    except TaskError as error:
        return f"{error.reason}: {error}"
    return "it ran"


def runs(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, program in programs():
        if name not in MODELS:
            continue
        place = folder / name
        place.mkdir()
        torch.export.save(program, place / "model.pt2")
        arrays = drawn(formats.describe(place).signature, TAKEN, 0)
        host: Any = runtime.load(place, threads=1, device=CPU)
        right = host.outputs(host.run(host.feed(arrays)))
        found[name] = {recipe: outcome(recipe, place, arrays, right) for recipe in RECIPES}
    images = folder / "images"
    return {
        "models": found, "exhausted": exhausted(images, drawn(formats.describe(images).signature, TAKEN, 0)),
    }  # fmt: skip


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(runs(target)))
