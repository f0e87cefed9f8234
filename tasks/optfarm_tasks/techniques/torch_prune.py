"""Magnitude pruning in PyTorch: the smallest weights become zero while the model makes up for them.

Convolutions and linear layers lose their smallest weights in several rounds, each a little sparser (a cubic schedule).
The original model teaches the changed one between and after, so no labels are needed. The model keeps its shape and
its file size: the zeros pay where something codes them.

When it helps: before a download that is packed, and before int8 forms, which keep the zeros.

Traps: no faster by itself on CPUs. A high sparsity on small layers collapses a model; `min_weights` leaves those alone.
Without enough steps (epochs times samples over batch size) the model has no time to recover.
"""

from pydantic import Field

from optfarm_tasks.frameworks.torch import conversion, distillation, pruning
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_training_data=True, memory=distillation.MEMORY, tolerance_nmse=0.5)


class PARAMS(distillation.Training):
    """How sparse, and how the model recovers."""

    sparsity: float = Field(default=0.5, gt=0, lt=1, description="fraction of a layer's weights that become zero")
    min_weights: int = pruning.MIN_WEIGHTS


def run(work: Work, params: PARAMS) -> Done:
    """Prunes and fine-tunes.

    Raises:
        NothingToDo: no layer is large enough.
    """
    source = conversion.Source(work)
    names = pruning.chosen(source, min_weights=params.min_weights, user="torch-prune")
    return pruning.pruned(work, source, params, dict.fromkeys(names, pruning.by_magnitude(params.sparsity)))
