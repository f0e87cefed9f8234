"""Recipes with TF-TRT on models of many kinds: PYTHON conversion_runs.py FOLDER, where the loader finds a libnvinfer.

FOLDER/newer is a SavedModel of a later TensorFlow. FOLDER/runs.json has for each recipe and model the notes, the
warnings and what the artifact is, or why it was refused.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "1", "CUDA_VISIBLE_DEVICES": "-1"}

import numpy as np
from tensorflow.python.compiler.tensorrt import trt_convert

from optfarm_tasks import formats
from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.frameworks.tftrt import conversion, precision
from optfarm_tasks.runtimes import tftrt
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Recipe
from tests.tftrt import models, stand_in

GPU = DeviceSpec(kind=DeviceKind.GPU)
SIZE = 8
"""Of what varies."""
LATER = "build=first-request"
RUNS = {
    "mobilenet": [f"tftrt-float16({LATER}, batch=8)", "tftrt-int8"],
    "resnet": [f"fixed-batch(batch=4) -> tftrt({LATER}, batch=4)"],
    "recurrent": [f"tftrt({LATER})"],
    "encoder": [
        f"tftrt({LATER})",
        f"tftrt-float16({LATER}, shapes=static)",
        f"tftrt({LATER}, minimum_segment_size=90)",
    ],
    "detector": [
        f"tftrt({LATER})",
        "tftrt",
        "tftrt(shapes=static)",
        f"freeze-pb -> tftrt({LATER})",
        f"tftrt({LATER}, batch=2)",
    ],
    "words": [f"tftrt({LATER}, shapes=static)", f"tftrt-int8({LATER}, shapes=static)"],
    "table": [f"tftrt({LATER})"],
    "upper": [f"tftrt({LATER})"],
    "alternating": [f"tftrt({LATER})", f"tftrt({LATER}, maximum_engines=30)"],
    "newer": [f"tftrt({LATER})"],
    "any-size": [f"tftrt({LATER})", "tftrt"],
}


def attempted(work: Callable[[], Any]) -> Any:
    """What it gives, or the reason and the words of its refusal."""
    try:
        return work()
    except TaskError as error:
        return {"refused": f"{error.reason}: {error}"}


def converted(recipe: str, model: Path, output: Path, data: Path | None) -> dict[str, Any]:
    """What came of a recipe, and of the artifact in its runtime."""
    output.mkdir()
    done = convert.chain(
        Recipe.parse(recipe), model, output, data=data, seed=7, on_progress=lambda *_: None, device=GPU
    )
    *_, last = done.values()
    described = formats.describe(output)
    return {
        "notes": last.notes,
        "warnings": last.warnings,
        "format": described.format,
        "inputs": [str(each) for each in described.signature.inputs],
        "outputs": [each.name for each in described.signature.outputs],
        "engines": [[each.precision, each.is_built] for each in precision.engines_of(output)],
        "run": attempted(lambda: run(output)),
    }


def run(artifact: Path) -> dict[str, Any]:
    """Loads an artifact and has it compute zeros."""
    session = tftrt.load(artifact, threads=0, device=GPU)
    feed = {
        each.name: np.full([size or SIZE for size in each.shape or ()], b"1" if each.dtype == "string" else 1)
        for each in session.signature.inputs
    }
    return {"precision": session.precision, "refused": attempted(lambda: session.run(session.feed(feed)))["refused"]}


def silent(model: Path, output: Path) -> dict[str, Any]:
    """INT8 with no ranges, as TF-TRT itself makes it without a word."""
    converter = trt_convert.TrtGraphConverterV2(str(model), precision_mode="INT8", use_calibration=False)
    converter.convert()
    converter.save(str(output))
    found = attempted(lambda: conversion.check(output, precision.INT8, are_built=False))
    return {"precision": precision.read_back(output), "refused": found["refused"]}


def damaged(model: Path, folder: Path) -> Path:
    """The model with a byte less."""
    folder.mkdir()
    (folder / "saved_model.pb").write_bytes((model / "saved_model.pb").read_bytes()[:-1])
    return folder


def main(folder: Path) -> None:
    """All runs."""
    stand_in.install()
    data = folder / "data"
    data.mkdir()
    random = np.random.default_rng(0)
    np.savez(data / "data.npz", **{"calibration/image": random.random((8, 96, 96, 3), np.float32)})
    places = {name: models.write(name, folder) for name in RUNS if name in models.WRITERS}
    places["newer"] = folder / "newer"
    runs: dict[str, Any] = {
        f"{name}: {recipe}": attempted(lambda: converted(recipe, places[name], folder / f"{name}-{index}", data))  # noqa: B023 (called at once)
        for name, recipes in RUNS.items()
        for index, recipe in enumerate(recipes)
    }
    few = folder / "few"
    runs["without data"] = attempted(lambda: converted(f"tftrt-int8({LATER})", places["mobilenet"], few, None))
    broken = damaged(places["detector"], folder / "broken")
    runs["damaged"] = attempted(lambda: converted(f"tftrt({LATER})", broken, folder / "of-broken", data))
    runs["silent"] = silent(places["encoder"], folder / "silent")
    runs["left behind"] = sorted(
        each.name for each in folder.iterdir() if each.name.startswith(("frozen-", "export-", "steps-"))
    )
    (folder / "runs.json").write_text(json.dumps(runs))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
