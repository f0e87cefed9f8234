"""Prunes small dense models: python pruning_runs.py FOLDER. It is a process of its own, as technique_runs.py.

FOLDER/runs.json has, for each model, the difference from the original and the notes, or the refusal.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

import numpy as np
import tf_keras  # noqa: TID253 (this script is a process of its own)

from optfarm_tasks import registry
from optfarm_tasks.description import Format
from optfarm_tasks.errors import TaskError
from optfarm_tasks.frameworks.keras import training_set
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.technique import Work

SAMPLES = np.random.default_rng(0).random((64, 12)).astype(np.float32)
HALF = "prune-units(min_units=32, learning_rate=1e-12, epochs=1)"
"""Removes half of the units and learns nothing anew."""
layers = tf_keras.layers


def idle() -> Any:
    """Half of its 32 hidden units tell the next layer nothing: 8 are constant, 8 are not read."""
    model = tf_keras.Sequential(
        [
            layers.InputLayer((12,), name="x"),
            layers.Dense(32, activation="relu", name="wide"),
            layers.Dropout(0.5),
            layers.Dense(20, name="next"),
            layers.Dense(2, name="y"),
        ]
    )
    kernel, bias = model.get_layer("wide").get_weights()
    kernel[:, :8], bias[:8] = 0, 0.7
    model.get_layer("wide").set_weights([kernel, bias])
    reading, shift = model.get_layer("next").get_weights()
    reading[24:] = 0
    model.get_layer("next").set_weights([reading, shift])
    return model


def branched() -> Any:
    """Its only wide layer feeds two others."""
    x = layers.Input((12,), name="x")
    wide = layers.Dense(32, activation="relu", name="wide")(x)
    return tf_keras.Model(x, layers.Dense(2, name="y")(layers.Concatenate()([wide, layers.Dense(3)(wide)])))


def thin() -> Any:
    """No layer of it has a multiple of four inputs."""
    return tf_keras.Sequential(
        [
            layers.InputLayer((3,), name="x"),
            layers.Dense(6, name="first"),
            layers.Dense(2, name="y"),
        ]
    )


CASES = {idle: HALF, branched: HALF, thin: "prune-2-4(min_weights=1)"}


def outcome(model: Any, recipe: str, folder: Path, data: Path) -> dict[str, Any]:
    """What came of a recipe."""
    given, made = folder / "given", folder / "made"
    for each in (given, made):
        each.mkdir(parents=True)
    model.save(given / "model.h5")
    (step,) = Recipe.parse(recipe).steps
    work = Work(
        model=given,
        format=Format.H5,
        output=made,
        data=data,
        seed=0,
        on_progress=lambda _phase, _fraction: None,
        original=given,
    )
    try:
        done = registry.technique(step.technique).run(work, registry.params_of(step))
    except TaskError as error:
        return {"failure": [type(error).__name__, str(error)]}
    narrow = tf_keras.models.load_model(made / "model.h5", compile=False)
    difference = np.abs(narrow(SAMPLES).numpy() - model(SAMPLES).numpy()).max()
    return {"difference": float(difference), "notes": done.notes, "weights": narrow.count_params()}


def cramped(folder: Path, data: Path) -> dict[str, Any]:
    """What came of pruning where the activations of five samples fit, and what those of one take."""
    model = tf_keras.Sequential([layers.InputLayer((12,), name="x"), layers.Dense(32, name="y")])
    sample_bytes = training_set.activation_bytes(model, {"x": SAMPLES})
    training_set.ACTIVATION_BYTES = 5 * sample_bytes + 1
    return outcome(model, "prune(epochs=1, min_weights=1)", folder, data) | {"sample_bytes": sample_bytes}


if __name__ == "__main__":
    target = Path(sys.argv[1])
    np.savez(target / "data.npz", **{"calibration/x": SAMPLES})
    tf_keras.utils.set_random_seed(1)
    runs = {make.__name__: outcome(make(), recipe, target / make.__name__, target) for make, recipe in CASES.items()}
    runs["cramped"] = cramped(target / "cramped", target)
    (target / "runs.json").write_text(json.dumps(runs))
