"""Runs recipes on exported programs of many shapes: PYTHON torch_models_runs.py FOLDER, by the toolchain torch.

FOLDER/runs.json has by model what the farm reads of it, and by recipe how far the outputs are from what PyTorch gives,
or why it was refused.
"""

import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils import _pytree
from torch_programs import TAKEN, drawn, programs

from optfarm_tasks import formats, registry
from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.torch import precision
from optfarm_tasks.profilers import torch as profiler
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Recipe

OF_IMAGES = (
    "baseline", "torch-channels-last", "torch-bfloat16", "torch-compile", "torch-bfloat16 -> torch-compile",
    "torch-float16", "torch-int8", "torch-int8-dynamic", "torch-compress-weights", "torch-onnx",
    "torch-onnx -> onnx-dynamic", "torch-onnx -> onnx-int8", "torch-onnx -> onnx-float16", "torch-onnx -> openvino",
    "torch-openvino", "torch-openvino -> openvino-int8", "torch-openvino -> openvino-float16", "torch-tflite(batch=4)",
    "torch-int8 -> torch-onnx", "torch-compress-weights -> torch-onnx", "torch-compress-weights -> torch-compile",
    "torch-bfloat16 -> torch-onnx", "torch-compile -> torch-openvino", "torch-int8 -> torch-openvino",
    "torch-int8-dynamic -> torch-tflite", "torch-compress-weights -> torch-int8", "torch-tf32", "torch-cuda-graph",
    "torch-tf32 -> torch-onnx",
)  # fmt: skip
FEWER = (
    "baseline", "torch-channels-last", "torch-bfloat16", "torch-compile", "torch-int8", "torch-onnx -> onnx-dynamic",
    "torch-openvino", "torch-tflite(batch=4)",
)  # fmt: skip
LANGUAGE = (
    "baseline", "torch-bfloat16", "torch-compress-weights", "torch-onnx -> onnx-int8",
    "torch-openvino -> openvino-int8",
)  # fmt: skip

RECIPES = {"images": OF_IMAGES, "language": LANGUAGE}


def truth(program: Any, arrays: dict[str, Any]) -> list[Any]:
    """What PyTorch gives: the arrays stand where the exported inputs did."""
    args, kwargs = program.example_inputs
    leaves, spec = _pytree.tree_flatten((args, kwargs))
    fed = iter(arrays.values())
    leaves = [torch.from_numpy(next(fed)).to(leaf) if isinstance(leaf, torch.Tensor) else leaf for leaf in leaves]
    args, kwargs = _pytree.tree_unflatten(leaves, spec)
    with torch.no_grad():
        return [precision.array_of(each) for each in _pytree.tree_leaves(program.module()(*args, **kwargs))]


def found(folder: Path, arrays: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """What an artifact gives in its own runtime, and in which precision."""
    session = registry.runtime(registry.runtime_for(formats.detect(folder))).load(folder, threads=1)
    outputs = {name: np.array(each) for name, each in session.outputs(session.run(session.feed(arrays))).items()}
    return outputs, session.precision


def outcome(recipe: str, folder: Path, arrays: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """How far the worst output is, or why it was refused."""
    output = folder.parent / f"{folder.name}-{recipe}".replace(" ", "")
    output.mkdir()
    try:
        convert.chain(
            Recipe.parse(recipe), folder, output, data=folder.parent / f"{folder.name}-data", seed=0,
            on_progress=lambda *_: None,
        )  # fmt: skip
        outputs, precision = found(output, arrays)
    except TaskError as error:
        return {"refused": f"{error.reason}: {error}"}
    losses = {}
    for name, array in right.items():
        agreement = Agreement()
        agreement.add(array, outputs[name])
        losses[name] = agreement.nmse
    shapes = {each.name: each.shape for each in formats.describe(output).signature.inputs}
    return {"nmse": max(losses.values()), "precision": precision, "outputs": sorted(outputs), "shapes": shapes}


def resets(folder: Path) -> list[list[float]]:
    """Three requests of a model that counts its calls, the last after a reset."""
    session = registry.runtime("torch").load(folder, threads=1)
    feed = session.feed({"x": np.zeros((1, 8), np.float32)})
    taken = [session.outputs(session.run(feed))["output"].ravel().tolist() for _ in range(2)]
    session.reset()
    return [*taken, session.outputs(session.run(feed))["output"].ravel().tolist()]


class Hostile:
    """Writes a file when it is read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.mark}",)


def observed(folder: Path) -> dict[str, Any]:
    """The ops of a request, how long they took together, and how long it took."""
    probe = profiler.load(folder, threads=1)
    feed = probe.feed(drawn(probe.signature, TAKEN, 0))
    probe.run(feed)
    (inference,) = probe.observe(feed, 1)
    total = sum(event.duration_ns for event in inference.events)
    return {"ops": [event.op for event in inference.events], "total_ns": total, "wall_ns": inference.wall_ns}


def refusal(folder: Path, device: DeviceSpec = CPU) -> str:
    """Why a program is refused."""
    try:
        registry.runtime("torch").load(folder, threads=1, device=device)
    except TaskError as error:
        return f"{error.reason}: {error}"
    return "it was loaded"


def of_unknown_op(folder: Path, given: Path) -> str:
    """Why a program is refused that has an op of somebody's own."""
    folder.mkdir()
    with zipfile.ZipFile(given / "model.pt2") as good, zipfile.ZipFile(folder / "model.pt2", "w") as other:
        for each in good.infolist():
            data = good.read(each.filename)
            if each.filename.endswith("models/model.json"):
                data = data.replace(b"torch.ops.aten.relu.default", b"torch.ops.their_own.relu.default")
            other.writestr(each.filename, data)
    return refusal(folder)


def hostile(folder: Path, given: Path, mark: Path) -> str:
    """Why a program is refused that has a pickle for its sample inputs."""
    pickled = io.BytesIO()
    torch.save(Hostile(mark), pickled)
    with zipfile.ZipFile(given / "model.pt2") as good, zipfile.ZipFile(folder / "model.pt2", "w") as evil:
        for each in good.infolist():
            is_sample = "sample_inputs" in each.filename
            evil.writestr(each.filename, pickled.getvalue() if is_sample else good.read(each.filename))
    return refusal(folder)


def runs(folder: Path) -> dict[str, Any]:
    """What came of everything."""
    models: dict[str, Any] = {}
    for name, program in programs():
        place = folder / name
        place.mkdir()
        torch.export.save(program, place / "model.pt2")
        signature = formats.describe(place).signature
        arrays = drawn(signature, TAKEN, 0)
        data = folder / f"{name}-data"
        data.mkdir()
        samples = [drawn(signature, 64, 1)] if signature.fixed_batch is None else [drawn(signature, TAKEN * 16, 1)]
        np.savez(data / "data.npz", **{f"calibration/{each}": array for each, array in samples[0].items()})
        names = [leaf.name for leaf in pt2.ends(place / "model.pt2").outputs]
        right = dict(zip(names, truth(program, arrays), strict=True))
        models[name] = {
            "description": formats.describe(place).model_dump(mode="json"),
            "runs": {recipe: outcome(recipe, place, arrays, right) for recipe in RECIPES.get(name, FEWER)},
        }
    (folder / "hostile").mkdir()
    mark = folder / "mark"
    return {
        "models": models,
        "resets": resets(folder / "counting"),
        "observed": {name: observed(folder / name) for name in ("images", "images-torch-compile")},
        "hostile": hostile(folder / "hostile", folder / "named", mark),
        "on a gpu": refusal(folder / "named", DeviceSpec(kind=DeviceKind.GPU, index=0)),
        "unknown": of_unknown_op(folder / "unknown", folder / "named"),
        "has_run": mark.exists(),
    }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(runs(target)))
