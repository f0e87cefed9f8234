"""Fine-tunes exported programs by what the original makes of samples, while something is done to them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optfarm_tasks.data_sets.training import ACTIVATION_BYTES, training_samples
from optfarm_tasks.errors import BadData, BadModel, BadParameter
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.torch import archive
from optfarm_tasks.frameworks.torch.calling import set_state, state_of, tensors_of
from optfarm_tasks.frameworks.torch.conversion import Source
from optfarm_tasks.technique import Memory, Params, Work

MEMORY = Memory(base_bytes=2_000_000_000, factor=7.0)
"""PyTorch and a step's activations; weights, the original's, gradients, Adam's two moments and what is written.

Measured: 1.6 GB for EfficientNet-Lite0 (19 MB) with all the activations that a step may have, 2.4 GB for dense layers
of 256 MB with few.
"""
_LEAST_VARIANCE = 1e-12
_FEW = 2
"""Samples of a forward pass that is measured; a size of 1 may be one that a program was not exported for."""


class Training(Params):
    """Parameters of techniques that fine-tune."""

    epochs: int = Field(default=2, ge=1, le=1000, description="how often all samples of the split are learnt from")
    batch_size: int = Field(
        default=32,
        ge=1,
        le=4096,
        description="samples per step; fewer where activations take over 0.8 GB; a model's fixed batch goes first",
    )
    learning_rate: float = Field(default=1e-4, gt=0, le=1, description="of Adam, constant over all steps")


@dataclass(frozen=True)
class TrainingSet:
    """Samples, and what the original makes of them."""

    inputs: dict[str, NDArray[Any]]
    answers: dict[str, Any]
    """Output name → tensor, of those that are real numbers."""
    split: str
    batch_size: int

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.inputs.values())))

    def order(self, seed: int, *, epoch: int) -> Iterator[NDArray[np.intp]]:
        """The batches of an epoch; the last one begins again at its first samples, so that all are full."""
        shuffled = np.random.default_rng([seed, epoch]).permutation(self.count)
        for start in range(0, self.count, self.batch_size):
            yield np.take(shuffled, range(start, start + self.batch_size), mode="wrap")

    def batch(self, rows: NDArray[np.intp]) -> dict[str, Any]:
        """The inputs of some samples."""
        return tensors_of({name: np.ascontiguousarray(array[rows]) for name, array in self.inputs.items()})

    @property
    def notes(self) -> dict[str, Any]:
        """What a result says of them."""
        return {
            "split": self.split,
            "samples": self.count,
            "taught_by": "the original model",
            "batch_size": self.batch_size,
        }


def training_set_of(work: Work, source: Source, params: Training) -> TrainingSet:
    """What a data set holds for a program to learn.

    Raises:
        BadData: there is no split to learn from, it does not fit the model, or the original gives no numbers for it.
        BadModel: it gives whole numbers alone.
    """
    arrays, _, split = training_samples(work, source.signature)
    inputs = {each.name: arrays[each.name].astype(each.dtype, copy=False) for each in source.signature.inputs}
    fitting = max(1, ACTIVATION_BYTES // max(1, _activation_bytes(source, inputs)))
    batch_size = source.signature.fixed_batch or min(params.batch_size, fitting)
    untaught = TrainingSet(inputs, {}, split, batch_size)
    return replace(untaught, answers=_answers(work, source, untaught))


def _activation_bytes(source: Source, inputs: dict[str, NDArray[Any]]) -> int:
    """What a sample's forward pass keeps for the backward pass."""
    import torch

    kept: dict[int, int] = {}

    def keep(tensor: Any) -> Any:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    module, count = source.program.module(), source.signature.fixed_batch or _FEW
    state = state_of(module, source.state)
    rows = np.arange(count) % len(next(iter(inputs.values())))
    args, kwargs = source.caller.arguments(TrainingSet(inputs, {}, "", count).batch(rows))
    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        blaming(BadModel, "PyTorch cannot run it"),
    ):
        given = module(*args, **kwargs)
    del given
    set_state(module, state)
    weights = {each.untyped_storage().data_ptr() for each in module.parameters()}
    return sum(size for place, size in kept.items() if place not in weights) // count


def _answers(work: Work, source: Source, samples: TrainingSet) -> dict[str, Any]:
    import torch

    original = work.original or work.model
    program, _ = archive.load(original)
    module = program.module()
    state = state_of(module, source.state)
    found: dict[str, list[Any]] = {}
    with torch.no_grad(), blaming(BadModel, "PyTorch cannot run the original model"):
        for start in range(0, samples.count, samples.batch_size):
            rows = np.arange(start, start + samples.batch_size) % samples.count
            args, kwargs = source.caller.arguments(samples.batch(rows))
            for name, answer in source.caller.named(module(*args, **kwargs)).items():
                if answer.is_floating_point():
                    found.setdefault(name, []).append(answer)
            set_state(module, state)
    if not found:
        raise BadModel("nothing can be learnt by whole numbers, and the model gives no others")
    answers = {name: torch.cat(each)[: samples.count] for name, each in found.items()}
    if not all(torch.isfinite(each).all() for each in answers.values()):
        raise BadData(
            "the original model gives NaN or infinite outputs for this split; nothing can be learnt from them"
        )
    return answers


def fine_tune(
    module: Any,
    source: Source,
    samples: TrainingSet,
    params: Training,
    work: Work,
    *,
    after_step: Callable[[float], None],
) -> list[float]:
    """Trains a program's module in place, and gives the mean loss of each epoch.

    The loss is the mean square error of each output over its variance.

    Args:
        module: what ExportedProgram.module() gave.
        source: knows how it is called.
        samples: what it learns.
        params: how.
        work: its seed and its progress.
        after_step: called with the fraction done, 0 before the first step.

    Raises:
        BadModel: PyTorch cannot train it.
        BadParameter: the loss is no number any more.
    """
    import torch

    torch.manual_seed(work.seed)
    learnt = [each for each in module.parameters() if each.is_floating_point()]
    optimizer = torch.optim.Adam(learnt, lr=params.learning_rate)
    weights = {name: 1 / max(float(each.float().var()), _LEAST_VARIANCE) for name, each in samples.answers.items()}
    state = state_of(module, source.state)
    steps, step, losses = params.epochs * math.ceil(samples.count / samples.batch_size), 0, []
    after_step(0.0)
    with blaming(BadModel, "PyTorch cannot train the model"):
        for epoch in range(params.epochs):
            taken = []
            for rows in samples.order(work.seed, epoch=epoch):
                args, kwargs = source.caller.arguments(samples.batch(rows))
                given = source.caller.named(module(*args, **kwargs))
                wanted = {name: answer[torch.from_numpy(rows)] for name, answer in samples.answers.items()}
                loss = sum(
                    weights[name] * torch.nn.functional.mse_loss(given[name].float(), each.float())
                    for name, each in wanted.items()
                )
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                set_state(module, state)
                step += 1
                taken.append(float(loss))
                if not math.isfinite(taken[-1]):
                    raise BadParameter(f"the loss is {taken[-1]} after step {step} of {steps}; lower the learning rate")
                after_step(step / steps)
                work.on_progress("fine-tuning", 0.2 + 0.7 * step / steps)
            losses.append(round(float(np.mean(taken)), 8))
    return losses
