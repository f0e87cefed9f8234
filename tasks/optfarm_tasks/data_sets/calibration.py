"""Chooses the samples on which post-training quantisation observes the ranges of activations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optfarm_tasks.data_sets import data, images
from optfarm_tasks.data_sets.model_inputs import placed
from optfarm_tasks.description import Shape, Signature
from optfarm_tasks.errors import BadData
from optfarm_tasks.technique import OnProgress, Params, Work

FEW = 64
FEW_FOR_ONE_NUMBER = 128
"""A head that gives one number has no other class to hide a wrong range behind."""

Samples = dict[str, NDArray[Any]]


class Calibrated(Params):
    """The parameters of techniques that observe activations."""

    calibration_samples: int = Field(
        default=128, ge=1, le=10_000, description="samples of the calibration split whose activations are watched"
    )


@dataclass(frozen=True)
class Calibration:
    """What a model is fed with while ranges of activations are taken."""

    signature: Signature
    arrays: Samples
    """Model input name → the chosen samples."""
    asked: int
    fed: tuple[str, ...] = ()
    """How the data were changed to fit the inputs."""

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.arrays.values())))

    @property
    def batch_size(self) -> int:
        """The model's fixed batch, or 1."""
        return self.signature.fixed_batch or 1

    def feeds(self) -> Iterator[Samples]:
        """The samples in batches; a batch that would not be full begins again at the first sample."""
        inputs = {each.name: each for each in self.signature.inputs}
        dtypes = {name: "O" if each.dtype == "string" else each.dtype for name, each in inputs.items()}
        for start in range(0, self.count, self.batch_size):
            rows = np.arange(start, start + self.batch_size) % self.count
            batch = {name: array[rows].astype(dtypes[name]) for name, array in self.arrays.items()}
            yield {name: placed(samples, inputs[name]) for name, samples in batch.items()}

    def observed(self, on_progress: OnProgress) -> Iterator[Samples]:
        """As `feeds`, and reports the progress."""
        for index, feed in enumerate(self.feeds()):
            on_progress("calibrating", 0.4 + 0.5 * index * self.batch_size / self.count)
            yield feed
        on_progress("quantising", 0.9)

    @property
    def warnings(self) -> Iterator[str]:
        """Warnings about the samples and their number."""
        yield from self.fed
        gives_one_number = all(_is_one_number(each.shape) for each in self.signature.outputs)
        enough = FEW_FOR_ONE_NUMBER if gives_one_number else FEW
        if self.count < enough:
            had = "asked for" if self.count >= self.asked else "in the calibration split"
            kind = "a regression head" if gives_one_number else "activations"
            yield f"{self.count} calibration samples {had}; below {enough} the ranges of {kind} may be far off"


def calibration_of(work: Work, signature: Signature, asked: int) -> Calibration:
    """The samples that a seed chooses from the calibration split.

    Raises:
        BadData: there is no such split, or it does not fit the model.
    """
    if work.data is None:
        raise BadData(f"quantising activations takes a data set with a {data.CALIBRATION} split, and none was given")
    split = data.describe_data(work.data).splits.get(data.CALIBRATION)
    if split is None:
        raise BadData(
            f"the data set has no {data.CALIBRATION} split; add arrays {data.CALIBRATION}/NAME of samples like those "
            f"that the model will meet"
        )
    arrays, _ = data.load_split(work.data, data.CALIBRATION)
    chosen = np.random.default_rng(work.seed).permutation(split.count)[:asked]
    signature = signature.with_batch_axes(work.batch_axes)
    fit = images.fit(signature, split)
    samples = fit.feed({name: array[chosen] for name, array in arrays.items()})
    return Calibration(signature, samples, asked, fit.warnings)


def _is_one_number(shape: Shape | None) -> bool:
    return shape is not None and all(size == 1 for size in shape[1:])
