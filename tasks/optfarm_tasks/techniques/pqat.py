"""Pruning, then quantisation-aware training that keeps the zeros.

Kernels that are less sparse than asked for are pruned and fine-tuned first, as by `prune`; then int8 is emulated, as by
`qat`, and what is zero stays zero.

When it helps: an int8 model that packs well, with better quality than `prune -> tflite-int8` where int8 costs much.

Traps: those of `prune` and of `qat`; it trains twice. After a `prune` step a lower `sparsity` here changes nothing.
"""

from optfarm_tasks.frameworks.keras import kernels, preserving, pruning, quantising, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(is_reduced=True, tolerance_nmse=0.5)
PARAMS = pruning.Pruning


def run(work: Work, params: PARAMS) -> Done:
    """Prunes, then fine-tunes with int8 emulated."""
    model = training.load(work)
    weights = kernels.chosen(model, min_weights=params.min_weights, user="pqat")
    trainer = training.trainer_of(work, model, params)
    losses = pruning.prune(model, weights, trainer.within(0.1, 0.5), sparsity=params.sparsity)
    emulating, notes = quantising.quantise(model, trainer.within(0.5, 0.9), keep=preserving.zeros_of)
    sparsity = kernels.sparsity(kernels.kernels(emulating, min_weights=params.min_weights))
    notes |= {"sparsity": sparsity, "pruning_loss": losses, **trainer.samples.notes}
    return training.save(emulating, work, notes=notes)
