"""Weight clustering, then quantisation-aware training that keeps the clusters.

Kernels are clustered and fine-tuned first, as by `cluster`; then int8 is emulated, as by `qat`, and weights that share
a value go on sharing it.

When it helps: an int8 model that packs well, with better quality than `cluster -> tflite-int8` where int8 costs much.

Traps: those of `cluster` and of `qat`; it trains twice.
"""

from optfarm_tasks.frameworks.keras import clustering, kernels, preserving, quantising, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(is_reduced=True, tolerance_nmse=0.2)
PARAMS = clustering.Clustering


def run(work: Work, params: PARAMS) -> Done:
    """Clusters, then fine-tunes with int8 emulated."""
    model = training.load(work)
    weights = clustering.clusterable(model, params, user="cqat")
    trainer = training.trainer_of(work, model, params)
    losses = clustering.cluster(model, weights, trainer.within(0.1, 0.5), count=params.clusters)
    emulating, notes = quantising.quantise(model, trainer.within(0.5, 0.9), keep=preserving.values_of)
    found = {name: kernel for name, kernel in kernels.kernels(emulating).items() if name in weights}
    notes |= {"distinct_weights": kernels.distinct(found), "clustering_loss": losses, **trainer.samples.notes}
    return training.save(emulating, work, notes=notes)
