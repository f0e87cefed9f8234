"""Runs recipes on models of the zoo, in this process, and gives what came of them."""

import importlib
import shutil
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks import formats, registry
from optfarm_tasks.__main__ import failure_of
from optfarm_tasks.actions import convert
from optfarm_tasks.data_sets import data, images
from optfarm_tasks.errors import BadInput, TaskError
from optfarm_tasks.quality.prediction import predict
from optfarm_tasks.resolved import resolve
from optfarm_tasks.schema.recipe import Recipe
from tests.zoo.entries import ENTRIES, Arrays, Entry
from tests.zoo.judgement import Outcome, Verdict, judged
from tests.zoo.recipes import RECIPES

FAMILIES = ("dense", "convolution", "recurrent", "preprocessing", "ends", "graphs", "frozen", "older", "exchange",
            "recorded")  # fmt: skip


def gather() -> None:
    """Has every family register its models."""
    for family in FAMILIES:
        importlib.import_module(f"tests.zoo.{family}")


class Cage:
    """A model that was built, with its data and what it truly gives."""

    def __init__(self, entry: Entry, folder: Path) -> None:
        """Builds the model in a folder."""
        self.entry = entry
        self.model, self.data = folder / "model", folder / "data"
        self._scratch = folder / "out"
        for each in (self.model, self.data):
            each.mkdir(parents=True)
        stored = {f"{split}/{name}": array for split in ("calibration", "train", "test")
                  for name, array in entry.arrays(split).items()}  # fmt: skip
        np.savez(self.data / "data.npz", **stored)
        # What Keras writes at exit and TensorFlow deprecates is not of this project.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.truth = _batched(entry.build(self.model), entry)

    @cached_property
    def description(self) -> Any:
        """What a push reads of it."""
        return formats.describe(self.model)

    def verdict(self, recipe: str) -> Verdict:
        """The verdict on one recipe."""
        return judged(self.outcome(recipe), self.truth, RECIPES[recipe], tags=self.entry.tags)

    def outcome(self, recipe: str) -> Outcome:
        """What comes of one recipe."""
        try:
            split = data.describe_data(self.data).splits["test"]
            resolve(Recipe.parse(recipe), self.description.format)
            data.fit(self.description.signature, split)
        except BadInput as error:
            return Outcome(reason=error.reason, message=str(error), at_submit=True)
        shutil.rmtree(self._scratch, ignore_errors=True)
        _as_in_a_fresh_process()
        artifact = self._scratch / "artifact"
        artifact.mkdir(parents=True)
        try:
            done = convert.chain(
                Recipe.parse(recipe), self.model, artifact, data=self.data, seed=0, on_progress=lambda *_: None
            )
            outputs = self._outputs(artifact, "resize-input" in recipe)
        except (TaskError, Exception) as error:  # noqa: BLE001 (whatever comes is what is judged)
            failure = failure_of(error)
            return Outcome(reason=failure.reason, message=failure.message)
        said = tuple(warning for each in done.values() for warning in each.warnings)
        return Outcome(outputs=outputs, warnings=said)

    def _outputs(self, artifact: Path, is_resized: bool) -> Arrays:
        session = registry.runtime(registry.runtime_for(formats.detect(artifact))).load(artifact, threads=0)
        fit = (images.fit if is_resized else _as_it_is)(session.signature, data.describe_data(self.data).splits["test"])
        # The truth of a model with state is that of calls one after the other, which quality never asks for.
        vars(session)["reset"] = lambda: None
        return predict(session, fit.feed(self.entry.arrays("test")))


def _as_in_a_fresh_process() -> None:
    """Has both Keras number layers from 0 on, as they do in the child of a task."""
    import keras
    import tf_keras

    keras.utils.clear_session()
    tf_keras.backend.clear_session()


def _as_it_is(signature: Any, split: Any) -> Any:
    return images.Fit(data.fit(signature, split), {}, ())


def _batched(truth: Any, entry: Entry) -> Arrays:
    """What the model gives for the test samples, in batches of the only size that it takes."""
    arrays = entry.arrays("test")
    count = len(next(iter(arrays.values())))
    size = next((feed.batch for feed in entry.feeds.values() if feed.batch), count)
    parts = [truth({name: array[at : at + size] for name, array in arrays.items()}) for at in range(0, count, size)]
    return {name: np.concatenate([np.atleast_1d(part[name]) for part in parts]) for name in parts[0]}


def cage(name: str, folder: Path) -> Cage:
    """A model of the zoo, built in a folder."""
    gather()
    return Cage(ENTRIES[name], folder)
