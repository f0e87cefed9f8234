"""Runs engines of TensorRT-RTX on the GPU of this machine: PYTHON tensorrt_gpu_runs.py FOLDER, by its toolchain.

FOLDER/pitch.onnx is a model that others trained. FOLDER/runs.json has by recipe how far the outputs are from those of
ONNX Runtime, and what the clocks say.
"""

import json
import sys
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import numpy as np
import onnxruntime
import tensorrt_models
from tensorrt_runs import pictures, quiet

from optfarm_tasks import formats
from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.profilers import tensorrt as profiler
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.runtimes import tensorrt as runtime
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Recipe

GPU = DeviceSpec(kind=DeviceKind.GPU, index=0)
TOLERANCES = {
    "tensorrt-rtx": 1e-5, "tensorrt-rtx(cuda_graph=true)": 1e-5, "tensorrt-rtx-float16": 1e-3,
    "tensorrt-rtx-bfloat16": 1e-2, "tensorrt-rtx-int8": 0.05,
}  # fmt: skip
REQUESTS = 20


def observed(artifact: Path, expected: Any, samples: Any, *, tolerance: float) -> dict[str, Any]:
    """How far an engine's outputs are off, and how long its last request took."""
    session = runtime.load(artifact, threads=1, device=GPU)
    feed = session.feed({"x": samples})
    for _ in range(REQUESTS):
        start = perf_counter_ns()
        request = session.enqueue(feed)
        raw = request.result()
        wall_ns = perf_counter_ns() - start
    agreement = Agreement()
    agreement.add(expected, session.outputs(raw)["y"])
    return {
        "nmse": agreement.nmse,
        "tolerance": tolerance,
        "wall_ns": wall_ns,
        "compute_ns": request.device_time().compute_ns,
        "is_over": request.is_over(),
        "precision": session.precision,
    }


def refusal(call: Any) -> str:
    """Why something is refused."""
    try:
        call()
    except TaskError as error:
        return f"{error.reason}: {error}"
    return "taken"


def runs(folder: Path) -> dict[str, Any]:
    """Every type on one model, and what is refused."""
    model, data = tensorrt_models.write(folder / "models")["images"], folder / "data"
    data.mkdir()
    np.savez(data / "data.npz", **{"calibration/x": pictures(128, seed=9)})
    samples = pictures(8, seed=7)
    session = onnxruntime.InferenceSession(model / "model.onnx", providers=["CPUExecutionProvider"])
    (expected,), made = session.run(None, {"x": samples}), {}
    for index, (recipe, tolerance) in enumerate(TOLERANCES.items()):
        artifact = folder / f"engine-{index}"
        artifact.mkdir()
        convert.chain(Recipe.parse(recipe), model, artifact, data=data, seed=0, on_progress=quiet, device=GPU)
        made[recipe] = observed(artifact, expected, samples, tolerance=tolerance)
    plain = folder / "engine-0"
    probe = profiler.load(plain, threads=1, device=GPU)
    layers = [event.name for event in probe.observe(probe.feed({"x": samples}), 2)[0].events]
    larger = refusal(lambda: runtime.load(plain, threads=1, device=GPU).feed({"x": pictures(65, seed=1)}))
    file = formats.file_of(plain)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    damaged = refusal(lambda: runtime.load(plain, threads=1, device=GPU))
    return {"runs": made, "layers": layers, "larger": larger, "damaged": damaged}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(runs(target)))
