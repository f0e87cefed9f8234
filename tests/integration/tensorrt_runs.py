"""Builds engines of TensorRT-RTX: PYTHON tensorrt_runs.py FOLDER, by the toolchain tensorrt-rtx; no GPU is needed.

FOLDER/pitch.onnx is a model that others trained. FOLDER/runs.json has by model and recipe what was built, or why it was
refused; how far the graphs that engines are built from are from the original; and what reading engines says.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import tensorrt_models

from optfarm_tasks import formats
from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.formats import tensorrt as engine_format
from optfarm_tasks.frameworks.onnx import narrowing
from optfarm_tasks.frameworks.tensorrt import device, quantisation
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.runtimes import tensorrt as runtime
from optfarm_tasks.schema.recipe import Recipe

RTX = "tensorrt-rtx"
TARGETS = ("7.5", "8.0", "8.6", "8.9", "12.0", "12.1")
RECIPES = {
    "pitch": [
        f"{RTX}(target=8.9)",
        *(f"{RTX}-{kind}(target=8.9)" for kind in ("float16", "bfloat16")),
        *(f"{RTX}-{kind}(target=8.9, calibration_samples=8)" for kind in ("int8", "float8")),
        f"{RTX}(target=8.9, tf32=true)",
        f"{RTX}(target=8.9, batch=4, max_batch=16, workspace_mib=256, optimization_level=5, cuda_graph=true)",
        f"{RTX}(target=9.0)",
        f"{RTX}(target=3.5)",
        RTX,
        f"{RTX}(target=8.9, batch=128)",
        "tensorrt",
    ],
    "squeezenet": [
        *(f"{RTX}(target={target})" for target in TARGETS),
        f"{RTX}-float16(target=7.5)",
        f"{RTX}-bfloat16(target=7.5)",
    ],
    "images": [
        *(f"{RTX}-int8(target=8.0, elsewhere={kind})" for kind in ("float32", "float16", "bfloat16")),
        f"{RTX}-float8(target=8.9, elsewhere=float32)",
        f"{RTX}-float8(target=8.6)",
    ],
    "shufflenet": [f"{RTX}(target=8.6)", f"{RTX}-bfloat16(target=8.6)"],
    "open": [
        f"{RTX}(target=8.9)",
        *(
            f"{RTX}(target=8.9, shapes='{shapes}')"
            for shapes in (
                "x=1x8x8x3:1x32x32x3:4x64x64x3",
                "x=1x8x8:1x32x32x3:4x64x64x3",
                "x=1x8x8x4:1x32x32x4:4x64x64x4",
                "x=4x8x8x3:1x32x32x3:4x64x64x3",
                "y=1x8x8x3:1x32x32x3:4x64x64x3",
                "nonsense",
            )
        ),
    ],
    "plain": [f"{RTX}(target=8.9)", f"{RTX}(target=8.9, sparse=true)"],
    "sparse": [f"{RTX}(target=8.9)", f"{RTX}(target=8.9, sparse=true)"],
    "faint": [f"{RTX}-int8(target=8.9)"],
    "odd": [f"{RTX}-{kind}(target=8.9)" for kind in ("float16", "bfloat16")],
    "large": [f"{RTX}-{kind}(target=8.9)" for kind in ("float16", "bfloat16")],
    "halves": [f"{RTX}(target=8.9)", f"{RTX}-float16(target=8.9)"],
    "integers": [f"{RTX}(target=8.9)", f"{RTX}-float16(target=8.9)"],
    **{
        name: [f"{RTX}(target=8.9)"]
        for name in ("double_inside", "double", "bytes", "words", "nonzero", "determinant", "reshaped", "asymmetric",
                     "foreign")
    },
}  # fmt: skip


def quiet(_phase: str, _fraction: float) -> None:
    """A report that nobody reads."""


def built(recipe: str, model: Path, output: Path, data: Path | None) -> dict[str, Any]:
    """What a recipe makes of a model, or why it is refused."""
    output.mkdir()
    try:
        done = convert.chain(Recipe.parse(recipe), model, output, data=data, seed=0, on_progress=quiet)
    except TaskError as error:
        return {"refused": f"{error.reason}: {error}"}
    (said,) = done.values()
    file = formats.file_of(output)
    return {
        "engine": engine_format.read(file).model_dump(mode="json"),
        "description": formats.describe(output).model_dump(mode="json"),
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "notes": said.notes,
        "warnings": said.warnings,
    }


def gathered(folder: Path) -> dict[str, Path]:
    """All models, each in a folder of its own."""
    models = tensorrt_models.write(folder / "models")
    found = {"pitch": folder / "pitch.onnx"}
    found |= {name: tensorrt_models.LIGHT / f"light_{name}.onnx" for name in ("squeezenet", "shufflenet")}
    for name, file in found.items():
        models[name] = folder / "models" / name
        models[name].mkdir()
        shutil.copyfile(file, models[name] / "model.onnx")
    return models


def sounds(count: int) -> np.ndarray:
    """Chords of three tones with some noise, as the model was made for."""
    drawn, time_s = np.random.default_rng(3), np.arange(43844) / 22050
    tones = 110 * 2 ** (drawn.integers(0, 48, size=(count, 3, 1)) / 12)
    chords = np.sin(2 * np.pi * tones * time_s).sum(axis=1) / 4
    return (chords + drawn.normal(scale=0.01, size=chords.shape))[..., None].astype(np.float32)


def pictures(count: int, *, seed: int) -> np.ndarray:
    """Stripes of a colour, a direction and a width each."""
    drawn = np.random.default_rng(seed)
    colours, waves = drawn.random((count, 3, 1, 1)), drawn.uniform(-1, 1, size=(2, count, 1, 1, 1))
    rows, columns = np.mgrid[0:32, 0:32]
    return (colours * (1 + np.sin(waves[0] * rows + waves[1] * columns))).astype(np.float32)


def agreements(folder: Path, model: Path) -> dict[str, float | None]:
    """Type → how far a graph in it, beside float16, is from the original; ONNX Runtime runs both as written."""
    original = model / "model.onnx"
    fed, watched = pictures(64, seed=7), pictures(128, seed=9)
    (expected,), found = outputs(original, fed), {}
    for kind in ("float16", "int8", "float8"):
        place = folder / f"{model.name}-{kind}"
        place.mkdir()
        copied = Path(shutil.copy(original, place))
        feeds = iter([{"x": watched[index : index + 1]} for index in range(len(watched))])
        made = onnx.load(copied) if kind == "float16" else quantisation.quantise(copied, place, feeds, kind)[0]
        onnx.save(narrowing.narrow(made, "float16")[0], place / "typed.onnx")
        agreement = Agreement()
        agreement.add(expected, outputs(place / "typed.onnx", fed)[0])
        found[kind] = agreement.nmse
    return found


def narrowed(folder: Path, model: Path) -> dict[str, Any]:
    """How far a graph of odd ops in float16 is from itself in float32, by output, and which ops became narrow."""
    folder.mkdir()
    made, found = narrowing.narrow(onnx.load(model / "model.onnx"), "float16")
    onnx.save(made, folder / "typed.onnx")
    fed = np.random.default_rng(11).normal(scale=3, size=(4, 3, 8, 8)).astype(np.float32)
    pairs = zip(outputs(model / "model.onnx", fed), outputs(folder / "typed.onnx", fed), strict=True)
    return {
        "differences": [float(np.abs(one - other).max()) for one, other in pairs],
        "computed": found.computed,
        "left": found.left,
    }


def outputs(file: Path, samples: np.ndarray) -> list[np.ndarray]:
    """What a graph gives, computed as it is written."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": samples}))


def reading(artifact: Path) -> dict[str, str]:
    """What comes of an engine that is not where it belongs, or is not what it was."""
    engine = engine_format.read(formats.file_of(artifact))
    older, other = (engine.model_copy(update=change) for change in ({"version": "1.0.0"}, {"builder": "tensorrt"}))
    ada, ampere = (device.Gpu(name, capability) for name, capability in (("L4", "8.9"), ("A10", "8.6")))
    timed = engine.model_copy(update={"gpu_name": "L40"})
    return {
        "on the CPU": _refusal(runtime.load, artifact, threads=1),
        "of an older version": _refusal(runtime.library_of, older),
        "of the other library": _refusal(runtime.library_of, other),
        "on another capability": _refusal(runtime.refuse_elsewhere, engine, ampere),
        "on another GPU of the capability": _refusal(runtime.refuse_elsewhere, timed, ada),
        "on its GPU": _refusal(runtime.refuse_elsewhere, engine, ada),
    }


def _refusal(call: Any, *args: Any, **kwargs: Any) -> str:
    try:
        call(*args, **kwargs)
    except TaskError as error:
        return f"{error.reason}: {error}"
    return "taken"


def runs(folder: Path) -> dict[str, Any]:
    """Everything."""
    models, data = gathered(folder), {}
    drawn = {"pitch": sounds(8), **dict.fromkeys(("images", "faint"), pictures(128, seed=9))}
    for name, samples in drawn.items():
        (sample,) = formats.describe(models[name]).signature.inputs
        data[name] = folder / f"data-{name}"
        data[name].mkdir()
        np.savez(data[name] / "data.npz", **{f"calibration/{sample.name}": samples})
    made = {
        name: {
            recipe: built(recipe, models[name], folder / f"{name}-{index}", data.get(name))
            for index, recipe in enumerate(recipes)
        }
        for name, recipes in RECIPES.items()
    }
    return {
        "models": made,
        "again": built(f"{RTX}(target=8.6)", models["squeezenet"], folder / "again", None),
        "without data": built(f"{RTX}-int8(target=8.9)", models["images"], folder / "without", None),
        "agreements": {name: agreements(folder, models[name]) for name in ("images", "faint")},
        "narrowed": narrowed(folder / "odd", models["odd"]),
        "reading": reading(folder / "pitch-0"),
    }


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(runs(target)))
