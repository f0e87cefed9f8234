"""Prunes the weights of exported programs while they learn to do without them."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.torch import distillation, weights
from optfarm_tasks.frameworks.torch.conversion import Source
from optfarm_tasks.technique import Done, Work

GROUP = 4
"""Of so many weights along the inputs, half are kept in the pattern 2:4."""
_UPDATES = 8
"""How often the schedule raises the sparsity."""
_RISE = 0.6
"""The fraction of the steps in which it rises; the others make up for it."""
MIN_WEIGHTS = Field(
    default=1000, ge=1, le=1_000_000_000, description="weights of fewer are left alone: small layers lose most"
)
Mask = Callable[[Any, float], Any]
"""Weights, fraction of the training done → True where they stay."""


def chosen(source: Source, *, min_weights: int, user: str) -> tuple[str, ...]:
    """The weights of layers that are large enough.

    Raises:
        NothingToDo: there are none; the largest is named.
    """
    sizes = {
        name: source.program.state_dict[name].numel() for name in weights.of_layers(source.program, weights.LAYERS)
    }
    large = tuple(name for name, size in sizes.items() if size >= min_weights)
    if not large:
        largest = max(sizes, key=lambda name: sizes[name], default=None)
        said = f"the largest, {largest}, has {sizes[largest]}; lower min_weights" if largest else "it has none at all"
        raise NothingToDo(f"no layer that {user} takes has {min_weights} weights: {said}")
    return large


def pruned(work: Work, source: Source, params: distillation.Training, masks: Mapping[str, Mask]) -> Done:
    """Fine-tunes a program under masks, stores it, and says what came of it."""
    import torch

    samples = distillation.training_set_of(work, source, params)
    module = source.program.module()
    kernels = {name: each for name, each in module.named_parameters() if name in masks}

    def mask(done: float) -> None:
        with torch.no_grad():
            for name, kernel in kernels.items():
                kernel.mul_(masks[name](kernel, done))

    losses = distillation.fine_tune(module, source, samples, params, work, after_step=mask)
    learnt = dict(module.named_parameters())
    weights.change(source.program, [name for name in source.program.state_dict if name in learnt], _of(learnt))
    source.save(source.program, work)
    sparsity = {name: round(float((each == 0).float().mean()), 4) for name, each in kernels.items()}
    return Done(notes={"sparsity": sparsity, "loss": losses, **samples.notes})


def _of(learnt: Mapping[str, Any]) -> Callable[[str, Any], Any]:
    return lambda name, _: learnt[name].detach().clone()


def by_magnitude(sparsity: float) -> Mask:
    """Keeps the largest weights, fewer from update to update by a cubic decay (Zhu and Gupta, 2017)."""
    import torch

    def mask(kernel: Any, done: float) -> Any:
        risen = min(1.0, int(done / _RISE * _UPDATES) / _UPDATES)
        zeros = int(sparsity * (1 - (1 - risen) ** 3) * kernel.numel())
        if not zeros:
            return torch.ones_like(kernel)
        threshold = kernel.abs().flatten().kthvalue(zeros).values
        return (kernel.abs() > threshold).to(kernel.dtype)

    return mask


def two_of_four(kernel: Any) -> Mask:
    """Keeps the larger two of each four weights along the inputs, those of the first look for good."""
    import torch

    moved = kernel.detach().movedim(1, -1)
    groups = moved.reshape(-1, GROUP).abs()
    kept = torch.zeros_like(groups).scatter_(1, groups.topk(GROUP // 2, dim=1).indices, 1.0)
    fixed = kept.reshape(moved.shape).movedim(-1, 1).to(kernel.dtype)
    return lambda *_: fixed
