"""Pruning, clustering, then quantisation-aware training that keeps zeros and clusters.

The three of Deep Compression's training steps in one: `prune`, `cluster` and `qat`, each fine-tuned, and each keeping
what the ones before gave.

When it helps: the smallest int8 model after packing, at a quality that the separate steps may not reach.

Traps: those of `prune`, `cluster` and `qat`; it trains three times.
"""

from optfarm_tasks.frameworks.keras import clustering, kernels, preserving, pruning, quantising, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(is_reduced=True, tolerance_nmse=0.5)


class PARAMS(clustering.Clustering, pruning.Pruning):
    """How much is pruned, how many values, and how the model learns."""


def run(work: Work, params: PARAMS) -> Done:
    """Prunes, clusters, then fine-tunes with int8 emulated."""
    model = training.load(work)
    weights = clustering.clusterable(model, params, user="pcqat")
    trainer = training.trainer_of(work, model, params)
    losses = {
        "pruning_loss": pruning.prune(model, weights, trainer.within(0.1, 0.35), sparsity=params.sparsity),
        "clustering_loss": clustering.cluster(model, weights, trainer.within(0.35, 0.6), count=params.clusters),
    }
    emulating, notes = quantising.quantise(model, trainer.within(0.6, 0.9), keep=preserving.values_of)
    found = {name: kernel for name, kernel in kernels.kernels(emulating).items() if name in weights}
    notes |= {"sparsity": kernels.sparsity(found), "distinct_weights": kernels.distinct(found)}
    return training.save(emulating, work, notes=notes | losses | trainer.samples.notes)
