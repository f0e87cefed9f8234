"""Runs every technique on a small healthy model of every format it accepts: python technique_runs.py FOLDER.

It is a process of its own, so that tests need not import TensorFlow. FOLDER/runs.json has a list of runs: technique,
format in, description out, how far the outputs are from the original's, and digests of two artifacts made alike.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}

import numpy as np

from optfarm_tasks import formats, registry
from optfarm_tasks.actions import convert
from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.prediction import predict
from optfarm_tasks.runtime import Session
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.tree import scan

_SLOWLY = "epochs=12, learning_rate=0.001"
RECIPES = {
    "deep-compression": f"deep-compression(sparsity=0.3, {_SLOWLY})",
    "pcqat": f"pcqat(sparsity=0.3, {_SLOWLY})",
    "place-ops": "place-ops(match=Conv2D)",
    "pqat": f"pqat(sparsity=0.3, {_SLOWLY})",
    "prune": f"prune(sparsity=0.3, {_SLOWLY})",
    "prune-2-4": "prune-2-4(epochs=16, learning_rate=0.001)",
    "resize-input": "resize-input(height=12, width=12)",
    "torch-prune": f"torch-prune(sparsity=0.3, {_SLOWLY})",
    "torch-prune-2-4": "torch-prune-2-4(epochs=16, learning_rate=0.001)",
}
"""Techniques whose defaults are nothing for this model, whose random weights are hard to learn anew."""
UNSUITED = () if "bf16" in Path("/proc/cpuinfo").read_text() else ("amp",)
"""Techniques that have nothing to do on this machine."""
KERAS = {Format.KERAS, Format.H5}
TEST = np.random.default_rng(1).random((64, 12, 12, 3)).astype(np.float32)


def quiet(_phase: str, _fraction: float) -> None:
    """A report that nobody reads."""


def classifier(library: Any, *, is_deep: bool = False, is_normed: bool = False) -> Any:
    """A small convolutional classifier with drawn weights, made by Keras 3 or by tf_keras."""
    library.utils.set_random_seed(3)
    layers = library.layers
    repeated = [layers.Conv2D(16, 3, padding="same", activation="relu")] if is_deep else []
    normed = [layers.Conv2D(16, 3), layers.BatchNormalization()] if is_normed else []
    return library.Sequential(
        [
            library.Input((12, 12, 3), name="image"),
            layers.Conv2D(16, 3, activation="relu"),
            layers.Conv2D(16, 3, activation="relu"),
            *repeated,
            *normed,
            layers.Flatten(),
            layers.Dense(24, activation="relu"),
            layers.Dense(6, name="scores"),
        ]
    )


def write_keras(folder: Path, **kind: bool) -> dict[Format, Path]:
    """One classifier as a .keras of Keras 3, an .h5 of Keras 2 and a SavedModel, each in a folder of its own."""
    import keras
    import tf_keras

    places = {each: folder / each for each in Format}
    for place in places.values():
        place.mkdir(parents=True)
    newer, older = (classifier(library, **kind) for library in (keras, tf_keras))
    newer.set_weights(older.get_weights())
    # Keras 3 computes a batch norm by plain products and sums, which leave nothing to fold.
    (older if kind.get("is_normed") else newer).save(places[Format.KERAS] / "model.keras")
    older.save(places[Format.H5] / "model.h5")
    as_saved_model.export(places[Format.H5], places[Format.SAVED_MODEL])
    return places


def write_models(folder: Path, **kind: bool) -> dict[Format, Path]:
    """The same classifier in every format."""
    places = write_keras(folder, **kind)
    run("tflite-float32", places[Format.SAVED_MODEL], places[Format.TFLITE], folder)
    run("freeze-pb", places[Format.SAVED_MODEL], places[Format.FROZEN_GRAPH], folder)
    run("onnx", places[Format.SAVED_MODEL], places[Format.ONNX], folder)
    run("openvino", places[Format.SAVED_MODEL], places[Format.OPENVINO], folder)
    return places


def run(recipe: str, model: Path, output: Path, data: Path) -> None:
    """Converts by a recipe."""
    output.mkdir(exist_ok=True)
    convert.chain(Recipe.parse(recipe), model, output, data=data, seed=7, on_progress=quiet)


def outputs(folder: Path) -> tuple[Session, dict[str, Any]]:
    """What an artifact gives for the test images, in its own runtime."""
    session = registry.runtime(registry.runtime_for(formats.detect(folder))).load(folder, threads=0)
    return session, predict(session, {"image": TEST})


def identity(artifact: Path, *, exported: bool) -> str:
    """The artifact's digest; of an exported Keras model, which TensorFlow never writes alike, that of its outputs."""
    return hashlib.sha256(outputs(artifact)[1]["scores"].tobytes()).hexdigest() if exported else scan(artifact).digest


def outcome(name: str, kind: Format, places: dict[Format, Path], folder: Path, *, original: Format) -> dict[str, Any]:
    """What came of one technique on one format, against the original in another."""
    artifact, again = (folder / f"{name}-{kind}-{turn}" for turn in range(2))
    recipe = RECIPES.get(name, name)
    run(recipe, places[kind], artifact, folder)
    accepts = registry.technique(name).CARD.accepts
    is_repeated = kind is (Format.SAVED_MODEL if Format.SAVED_MODEL in accepts else min(accepts))
    if is_repeated:
        run(recipe, places[kind], again, folder)
    session, found = outputs(artifact)
    agreement = Agreement()
    agreement.add(outputs(places[original])[1]["scores"], found["scores"])
    return {
        "technique": name,
        "given": kind,
        "yielded": formats.detect(artifact),
        "inputs": [tensor.name for tensor in session.signature.inputs],
        "outputs": list(found),
        "signature": formats.describe(artifact).signature.name,
        "nmse": agreement.nmse,
        "precision": session.precision,
        "size_bytes": formats.describe(artifact).size_bytes,
        "digests": [identity(each, exported=accepts <= KERAS) for each in (artifact, again)] if is_repeated else [],
        "dtypes": [tensor.dtype for tensor in (*session.signature.inputs, *session.signature.outputs)],
    }


def runs(folder: Path) -> Iterator[dict[str, Any]]:
    """Every technique on every format it accepts."""
    images = np.random.default_rng(0).random((128, 12, 12, 3)).astype(np.float32)
    np.savez(folder / "data.npz", **{"calibration/image": images})
    places = write_models(folder)
    # Only a layer that is repeated can be left out, and only a batch norm folded.
    deep, normed = write_keras(folder / "deep", is_deep=True), write_models(folder / "normed", is_normed=True)
    special = {"truncate": deep, "fold-batch-norms": normed}
    # What is made for one kind of GPU has tests of its own.
    names = (name for name in registry.technique_names() if registry.technique(name).CARD.bound is None)
    suited = [name for name in names if name not in UNSUITED]
    for name in suited:
        for kind in sorted(registry.technique(name).CARD.accepts - {Format.PT2}):
            yield outcome(name, kind, special.get(name, places), folder, original=Format.SAVED_MODEL)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    (target / "runs.json").write_text(json.dumps(list(runs(target))))
