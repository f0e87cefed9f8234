"""Magnitude pruning: the smallest weights become zero while the model learns to do without them.

Kernels of dense layers and convolutions lose their smallest weights in several rounds, each a little sparser (a cubic
schedule), with fine-tuning between and after. The model keeps its shape and its file size: the zeros pay where
something codes them.

When it helps: before `deep-compression` or a download that is packed; before `cluster` and int8, which keep the zeros.

Traps: no faster by itself on CPUs. A high sparsity on small layers collapses a model; `min_weights` leaves those alone.
Without enough steps (epochs times samples over batch size) the model has no time to recover.
"""

from optfarm_tasks.technique import Done, Work
from optfarm_tasks.techniques import _kernels, _pruning, _training

CARD = _training.card(tolerance_nmse=0.5)


class PARAMS(_pruning.Pruning):
    """How much is pruned, and how the model recovers."""


def run(work: Work, params: PARAMS) -> Done:
    """Prunes and fine-tunes."""
    model = _training.load(work)
    kernels = _kernels.chosen(model, min_weights=params.min_weights, user="prune")
    lessons = _training.lessons_of(work, model, params)
    report = _training.part(work.report, 0.2, 0.9)
    losses = _pruning.prune(model, kernels, lessons, params, seed=work.seed, report=report)
    return _training.save(model, work, notes={"sparsity": _kernels.sparsity(kernels), "loss": losses, **lessons.told()})
