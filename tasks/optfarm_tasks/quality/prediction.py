"""Runs a session on any number of samples, also where its batch is fixed."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.data_sets.model_inputs import by_sample
from optfarm_tasks.runtime import Session, largest_batch_of

Outputs = dict[str, NDArray[Any]]


def predict(session: Session, inputs: dict[str, NDArray[Any]]) -> Outputs:
    """The outputs of samples (N, …) that lie along the first axis of every input, whatever was run before."""
    count = len(next(iter(inputs.values())))
    size = session.signature.fixed_batch or min(count, largest_batch_of(session) or count)
    parts = [_part(session, inputs, start, size) for start in range(0, count, size)]
    return {name: np.concatenate([np.atleast_1d(part[name]) for part in parts]) for name in parts[0]}


def _part(session: Session, inputs: dict[str, NDArray[Any]], start: int, size: int) -> Outputs:
    count = len(next(iter(inputs.values())))
    # The last part of a fixed batch is filled up with its last sample, whose extra outputs are cut off again.
    rows = np.minimum(np.arange(start, start + size), count - 1)
    session.reset()
    raw = session.run(session.feed({name: array[rows] for name, array in inputs.items()}))
    real = min(size, count - start)
    tensors = {each.name: each for each in session.signature.outputs}
    outputs = {
        name: by_sample(array, tensors[name]) if name in tensors else array
        for name, array in session.outputs(raw).items()
    }
    return dict(_cut(outputs, size, real))


def _cut(outputs: dict[str, Any], size: int, real: int) -> Iterator[tuple[str, NDArray[Any]]]:
    for name, array in outputs.items():
        yield name, array[:real] if array.ndim and len(array) == size else array
