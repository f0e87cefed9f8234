"""Runs the techniques that edit on models that are hard to take: python edit_runs.py FOLDER.

It is a process of its own, so that tests need not import TensorFlow. FOLDER/runs.json has, for each pair of model and
recipe, what came of it: signatures, outputs, how far they are from what they should be, notes, warnings, or a failure.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
sys.path.append(str(Path(__file__).parents[1]))

import edited_models as models
import keras  # noqa: TID253 (this script is a process of its own, made to import them)
import numpy as np
import tf_keras  # noqa: TID253 (as above)
from tensorflow.core.protobuf import saved_model_pb2  # noqa: TID253 (as above)

from optfarm_tasks import formats, registry
from optfarm_tasks.actions import convert
from optfarm_tasks.benchmark.process.loaded import LoadedVariant
from optfarm_tasks.benchmark.process.protocol import Load
from optfarm_tasks.data_sets import data
from optfarm_tasks.errors import TaskError
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.tree import scan
from optfarm_tasks.technique import Done

Run = dict[str, Any]
Feeds = dict[str, np.ndarray]
LIBRARIES = (keras, tf_keras)
RANDOM = np.random.default_rng(5)
COUNT = 4

FEEDS: dict[str, Feeds] = {
    "images": {"image": RANDOM.random((COUNT, 12, 12, 3)).astype(np.float32)},
    "wide": {"image": RANDOM.random((COUNT, 20, 24, 3)).astype(np.float32)},
    "several": {name: RANDOM.random((COUNT, size)).astype(np.float32) for name, size in (("left", 8), ("right", 4))},
    "recurrent": {"steps": RANDOM.random((COUNT, 5, 3)).astype(np.float32)},
    "detector": {"image": RANDOM.random((1, 12, 12, 3)).astype(np.float32), "threshold": np.array(0.1, np.float32)},
}

EXPECTED: dict[tuple[str, str], tuple[str, Callable[[Any], Any]]] = {
    ("pooled", "resize-input(height=20, width=24)"): ("wide", lambda library: models.pooled(library, 20, 24)),
    ("mask", "resize-input(height=20, width=24)"): ("wide", lambda library: models.mask(library, 20, 24)),
    ("pooled", "fixed-batch(batch=4)"): ("images", models.pooled),
    ("flat", "fixed-batch(batch=4)"): ("images", models.flat),
    ("pooled", "mixed-precision"): ("images", models.pooled),
    ("recurrent", "mixed-precision"): ("recurrent", models.recurrent),
    ("several", "mixed-precision"): ("several", models.several),
    ("residual", "truncate"): ("images", lambda library: models.residual(library, 2)),
    ("residual", "truncate(layers=2)"): ("images", lambda library: models.residual(library, 1)),
    ("stack", "truncate"): ("images", lambda library: models.stack(library, deep=False)),
    ("several", "truncate"): ("several", lambda library: models.several(library, deep=False)),
    ("residual", "truncate -> fixed-batch(batch=4) -> tflite-float32"): (
        "images",
        lambda library: models.residual(library, 2),
    ),
}
"""Model and recipe → what it is fed, and the model that it should agree with, whose weights are copied by name."""

REFUSED = (
    ("flat", "resize-input(height=20, width=24)"),
    ("flat", "resize-input(height=24, width=24)"),
    ("several", "resize-input(height=20, width=24)"),
    ("pooled", "fixed-batch(batch=4) -> fixed-batch(batch=2)"),
    ("flat", "truncate"),
    ("shared", "truncate"),
    ("residual", "truncate(layers=4)"),
    ("residual", "truncate(match=stem)"),
    ("several", "deep-reuse"),
    ("detector", "place-ops(match=NonMaxSupression)"),
    ("detector", "place-ops(match=zzz)"),
)


def quiet(_phase: str, _fraction: float) -> None:
    """A report that nobody reads."""


def write_models(folder: Path) -> dict[tuple[str, str], Any]:
    """Each model of each library in FOLDER/models/<library>/<model>; gives those of Keras in memory."""
    made = {}
    for library in LIBRARIES:
        for make in (models.pooled, models.flat, models.mask, models.residual, models.stack, models.several):
            made[library.__name__, make.__name__] = saved(library, make, folder)
        for make in (models.recurrent, models.shared):
            made[library.__name__, make.__name__] = saved(library, make, folder)
    models.write_detector(folder / "models/keras/detector")
    return made


def saved(library: Any, make: Callable[[Any], Any], folder: Path) -> Any:
    """A model with weights that are drawn, none of them zero."""
    library.utils.set_random_seed(3)
    model = make(library)
    model.set_weights([each + RANDOM.uniform(0.01, 0.1, each.shape) for each in model.get_weights()])
    place = folder / "models" / library.__name__ / make.__name__
    place.mkdir(parents=True)
    model.save(place / "model.keras")
    return model


def run(recipe: str, model: Path, output: Path) -> dict[str, Done]:
    """Converts by a recipe."""
    output.mkdir(parents=True)
    return convert.chain(Recipe.parse(recipe), model, output, data=output.parents[1], seed=7, on_progress=quiet)


def outputs(folder: Path, feed: Feeds) -> tuple[Any, dict[str, np.ndarray]]:
    """What an artifact gives in its own runtime, and the session."""
    session = registry.runtime(registry.runtime_for(formats.detect(folder))).load(folder, threads=0)
    return session, session.outputs(session.run(session.feed(feed)))


def agreed(library: Any, make: Callable[[Any], Any], original: Any, feed: Feeds, found: dict[str, np.ndarray]) -> float:
    """The largest NMSE of an output against the model that it should agree with."""
    wanted = make(library)
    for layer in wanted.layers:
        layer.set_weights(original.get_layer(layer.name).get_weights())
    values = wanted(list(feed.values()) if len(feed) > 1 else next(iter(feed.values())), training=False)
    names, values = (list(found), [values]) if len(found) == 1 else (wanted.output_names, values)
    nmse = []
    for name, value in zip(names, values, strict=True):
        agreement = Agreement()
        agreement.add(np.asarray(value), found[name])
        nmse.append(agreement.nmse)
    return max(each for each in nmse if each is not None)


def outcome(folder: Path, library: Any, name: str, recipe: str, made: dict[tuple[str, str], Any]) -> Run:
    """What came of one recipe on one model."""
    feed_name, make = EXPECTED[name, recipe]
    artifact = folder / "artifacts" / f"{library.__name__}-{name}-{recipe}".replace(">", "")
    done = run(recipe, folder / "models" / library.__name__ / name, artifact)
    session, found = outputs(artifact, FEEDS[feed_name])
    return {
        "notes": [each.notes for each in done.values()],
        "inputs": [str(tensor) for tensor in session.signature.inputs],
        "outputs": {key: [array.dtype.name, list(array.shape)] for key, array in found.items()},
        "precision": session.precision,
        "nmse": agreed(library, make, made[library.__name__, name], FEEDS[feed_name], found),
    }


def refusal(folder: Path, library: Any, name: str, recipe: str) -> Run:
    """Why a recipe is refused."""
    place = folder / "artifacts" / f"refused-{library.__name__}-{name}-{recipe}".replace(">", "")
    try:
        run(recipe, folder / "models" / library.__name__ / name, place)
    except TaskError as error:
        return {"reason": error.reason, "message": str(error)}
    return {"reason": None, "message": "it ran"}


def devices(saved_model: Path) -> dict[str, str]:
    """Op → device, of nodes that have one."""
    graph = (
        saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes()).meta_graphs[0].graph_def
    )
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    return {node.op: node.device for node in nodes if node.device}


def placed(folder: Path) -> Run:
    """The detector with its NonMaxSuppression on another device, as a SavedModel and as a frozen graph."""
    model, feed = folder / "models/keras/detector", FEEDS["detector"]
    artifact, frozen = folder / "artifacts/placed", folder / "artifacts/frozen"
    done = run("place-ops(match='^NonMaxSuppression', device=gpu:1)", model, artifact)
    run("freeze-pb -> place-ops(match='^NonMaxSuppression')", model, frozen)
    wanted, (session, found), (_, of_frozen) = outputs(model, feed)[1], outputs(artifact, feed), outputs(frozen, feed)
    same = {file.path for file in scan(model).files} & {file.path for file in scan(artifact).files}
    variables = [path for path in same if path.startswith("variables/")]
    return {
        "notes": [each.notes for each in done.values()],
        "devices": devices(artifact),
        "signatures": [each.name for each in formats.describe(artifact).signatures],
        "inputs": [str(tensor) for tensor in session.signature.inputs],
        "equal": all(np.array_equal(wanted[name], side[name]) for side in (found, of_frozen) for name in wanted),
        "variables": [(model / path).read_bytes() == (artifact / path).read_bytes() for path in sorted(variables)],
    }


def reused(folder: Path) -> Run:
    """What deep reuse says of the pooled model of Keras 3, twice with one seed."""
    model = folder / "models/keras/pooled"
    runs = [run("deep-reuse(samples=3)", model, folder / f"artifacts/reuse{turn}") for turn in range(2)]
    resized = run("resize-input(height=20, width=24) -> deep-reuse(samples=3)", model, folder / "artifacts/reuse2")
    notes = [next(iter(done.values())).notes for done in runs]
    return {
        "notes": notes[0],
        "equal": notes[0] == notes[1],
        "warnings": next(iter(runs[0].values())).warnings,
        "resized": list(resized.values())[-1].warnings,
    }


def fed(folder: Path) -> Run:
    """What a resident says of its feeds, for an artifact of another size and one of a fixed batch."""
    split = data.describe_data(folder).splits[data.TEST]
    load = Load("optfarm_tasks.runtimes.tensorflow", folder="", threads=0, batch_size=4, seed=0)
    load = replace(load, data=str(folder), split=split.model_dump(mode="json"))
    recipes = ("resize-input(height=20, width=24)", "fixed-batch(batch=4)")
    places = {recipe: folder / f"artifacts/keras-pooled-{recipe}" for recipe in recipes}
    return {
        recipe: vars(LoadedVariant(replace(load, folder=str(place))).introduction) for recipe, place in places.items()
    }


def results(folder: Path) -> Iterator[tuple[str, Run]]:
    """Everything, by name."""
    made = write_models(folder)
    for library in LIBRARIES:
        for name, recipe in EXPECTED:
            yield f"{library.__name__} {name}: {recipe}", outcome(folder, library, name, recipe, made)
        for name, recipe in REFUSED:
            if (folder / "models" / library.__name__ / name).exists():
                yield f"{library.__name__} {name}: {recipe}", refusal(folder, library, name, recipe)
    for name in ("pooled", "mask"):
        run("baseline", folder / "models/keras" / name, folder / "artifacts" / name)
    yield "placed", placed(folder)
    yield "reused", reused(folder)
    yield "fed", fed(folder)


def main(folder: Path) -> None:
    """Runs it all."""
    images = {"calibration/image": FEEDS["images"]["image"], "test/image": FEEDS["images"]["image"]}
    np.savez(folder / "data.npz", **images)
    (folder / "runs.json").write_text(json.dumps(dict(results(folder)), default=list))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
