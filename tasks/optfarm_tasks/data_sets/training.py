"""Reads the samples that fine-tuning learns from."""

from typing import Any

from numpy.typing import NDArray

from optfarm_tasks.data_sets import data
from optfarm_tasks.description import Signature
from optfarm_tasks.errors import BadData
from optfarm_tasks.technique import Work

ACTIVATION_BYTES = 800_000_000
"""What the activations of one step may take, beside a few times the model's size."""


def training_samples(work: Work, signature: Signature) -> tuple[dict[str, NDArray[Any]], NDArray[Any] | None, str]:
    """Samples (N, …) by model input, their labels (N, …) if there are some, and the name of the split.

    Raises:
        BadData: there is no train and no calibration split, or it does not fit the model.
    """
    splits = {} if work.data is None else data.describe_data(work.data).splits
    split = data.training_split(splits)
    if work.data is None or split is None:
        raise BadData(
            f"fine-tuning takes a data set with a {data.TRAIN} or a {data.CALIBRATION} split; there is "
            f"{', '.join(sorted(splits)) or 'none'}"
        )
    arrays, labels = data.load_split(work.data, split)
    pairs = data.fit(signature, splits[split])
    return {name: arrays[array] for name, array in pairs.items()}, labels, split
