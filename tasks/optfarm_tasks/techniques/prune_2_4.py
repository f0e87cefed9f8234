"""Structured 2:4 pruning: of every four weights along the inputs, the two smaller ones become zero.

The pattern is chosen once, by magnitude, and the model is fine-tuned under it. It applies to dense layers and 2D
convolutions whose number of inputs is a multiple of four; the others are left alone and named in the result.

When it helps: NVIDIA GPUs from Ampere on, whose sparse tensor cores (TensorRT) skip the zeros; smaller downloads.

Traps: CPUs gain no time. The first convolution of an image model has three inputs and is never eligible.
"""

from typing import Any

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.keras import kernels, pruning, training
from optfarm_tasks.frameworks.keras.weights import leaves
from optfarm_tasks.technique import Done, Work

CARD = training.card(tolerance_nmse=0.6)

_GROUP = 4
_CLASSES = ("Dense", "Conv2D")


class PARAMS(training.Training):
    """How the model recovers."""

    min_weights: int = pruning.MIN_WEIGHTS


def run(work: Work, params: PARAMS) -> Done:
    """Prunes two of four and fine-tunes."""
    model = training.load(work)
    weights = kernels.chosen(model, min_weights=params.min_weights, user="prune-2-4")
    unfit = {name: reason for name, kernel in weights.items() if (reason := _unfit(model, name, kernel))}
    eligible = {name: kernel for name, kernel in weights.items() if name not in unfit}
    if not eligible:
        said = "; ".join(f"{name} {reason}" for name, reason in unfit.items())
        raise NothingToDo(f"no layer can be pruned 2:4: {said}")
    trainer = training.trainer_of(work, model, params)
    losses = pruning.pruned(model, trainer.within(0.2, 0.9), dict.fromkeys(eligible, _once()))
    notes = {"sparsity": kernels.sparsity(eligible), "left_alone": unfit, "loss": losses, **trainer.samples.notes}
    return training.save(model, work, notes=notes)


def _once() -> dict[str, Any]:
    """Arguments that choose the pattern in the first step and keep it."""
    from tensorflow_model_optimization.sparsity.keras import ConstantSparsity

    first = ConstantSparsity(0.5, begin_step=1, end_step=1, frequency=1)
    return {"pruning_schedule": first, "sparsity_m_by_n": (2, _GROUP)}


def _unfit(model: Any, name: str, kernel: Any) -> str:
    layer = next(each for each in leaves(model) if each.name == name)
    kind, inputs = type(layer).__name__, int(kernel.shape[-2])
    if kind not in _CLASSES:
        return f"is a {kind}, not one of {', '.join(_CLASSES)}"
    return f"has {inputs} inputs, not a multiple of {_GROUP}" if inputs % _GROUP else ""
