"""Magnitude pruning: the smallest weights become zero while the model learns to do without them.

Kernels of dense layers and convolutions lose their smallest weights in several rounds, each a little sparser (a cubic
schedule), with fine-tuning between and after. The model keeps its shape and its file size: the zeros pay where
something codes them.

When it helps: before `deep-compression` or a download that is packed; before `cluster` and int8, which keep the zeros.

Traps: no faster by itself on CPUs. A high sparsity on small layers collapses a model; `min_weights` leaves those alone.
Without enough steps (epochs times samples over batch size) the model has no time to recover.
"""

from optfarm_tasks.frameworks.keras import kernels, pruning, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(tolerance_nmse=0.5)
PARAMS = pruning.Pruning


def run(work: Work, params: PARAMS) -> Done:
    """Prunes and fine-tunes."""
    model = training.load(work)
    weights = kernels.chosen(model, min_weights=params.min_weights, user="prune")
    trainer = training.trainer_of(work, model, params)
    losses = pruning.prune(model, weights, trainer.within(0.2, 0.9), sparsity=params.sparsity)
    return training.save(
        model, work, notes={"sparsity": kernels.sparsity(weights), "loss": losses, **trainer.samples.notes}
    )
