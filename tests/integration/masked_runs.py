"""Quantises attention whose scores are masked: python masked_runs.py FOLDER, in a process of its own.

FOLDER/runs.json has, by mask and recipe, how far the outputs are from the original's, and the warnings.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

import numpy as np
import tensorflow as tf  # noqa: TID253 (this script is a process of its own, made to import it)

from optfarm_tasks import formats, registry
from optfarm_tasks.actions import convert
from optfarm_tasks.errors import TaskError
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.schema.recipe import Recipe

STEPS, WIDTH = 12, 32
RECIPES = ("tflite-int8", "tflite-int16x8", "tflite-int8-float", "onnx -> onnx-int8", "onnx -> openvino-int8")
EARLIER = np.tril(np.ones((STEPS, STEPS), np.float32))
MASKS: dict[str, Callable[[Any], Any]] = {
    "added": lambda scores: scores + (EARLIER - 1) * 1e9,
    "scaled": lambda scores: scores + (1 - EARLIER) * -10000.0,
    "chosen": lambda scores: tf.where(EARLIER > 0, scores, np.finfo(np.float32).min),
    "none": lambda scores: scores,
    "sharpened": lambda scores: tf.maximum(scores * 0.0005, -0.003) * 2000.0,
}


class Attention(tf.Module):
    """One head, with scores large enough to choose."""

    def __init__(self, mask: Callable[[Any], Any]) -> None:
        super().__init__()
        random = np.random.default_rng(0)
        self.mask = mask
        self.weights = [tf.Variable(random.normal(0, 0.3, (WIDTH, WIDTH)).astype(np.float32)) for _ in range(3)]

    @tf.function(input_signature=[tf.TensorSpec((1, STEPS, WIDTH), name="x")])
    def attend(self, x: Any) -> Any:
        query, key, value = (tf.matmul(x, each) for each in self.weights)
        scores = self.mask(tf.matmul(query, key, transpose_b=True) / WIDTH**0.5)
        return {"y": tf.matmul(tf.nn.softmax(scores), value)}


def session_of(folder: Path) -> Any:
    return registry.runtime(registry.runtime_for(formats.detect(folder))).load(folder, threads=0)


def outputs(folder: Path, samples: Any) -> Any:
    """What a model gives for each sample."""
    session = session_of(folder)
    return np.concatenate(
        [np.array(session.outputs(session.run(session.feed({"x": each[None]})))["y"]) for each in samples]
    )


def outcome(recipe: str, folder: Path, samples: Any) -> dict[str, Any]:
    output = folder.parent / f"{folder.name}-{recipe}".replace(" ", "")
    output.mkdir()
    try:
        done = convert.chain(
            Recipe.parse(recipe), folder, output, data=folder.parent, seed=0, on_progress=lambda *_: None
        )
    except TaskError as error:
        return {"refused": f"{error.reason}: {error}"}
    agreement = Agreement()
    agreement.add(outputs(folder, samples), outputs(output, samples))
    return {"nmse": agreement.nmse, "warnings": [each for step in done.values() for each in step.warnings]}


def main(folder: Path) -> None:
    """Makes a model for each mask, and everything of it."""
    random = np.random.default_rng(1)
    np.savez(folder / "data.npz", **{"calibration/x": random.normal(size=(64, STEPS, WIDTH)).astype(np.float32)})
    samples, runs = random.normal(size=(16, STEPS, WIDTH)).astype(np.float32), {}
    for name, mask in MASKS.items():
        module = Attention(mask)
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.attend})
        runs[name] = {recipe: outcome(recipe, folder / name, samples) for recipe in RECIPES}
    (folder / "runs.json").write_text(json.dumps(runs))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
