"""Weight clustering: each kernel makes do with a few values, which go on learning.

The weights of a kernel are rounded to the values that one-dimensional k-means finds; then the values are fine-tuned,
each by the mean gradient of its weights. Zeros of a pruned kernel stay zeros. The file keeps its size: the few values
pay where something codes them.

When it helps: before `deep-compression` or a download that is packed; after `prune`, before int8.

Traps: no faster by itself. Convolutions in int8 have a scale per channel, so a value of the kernel becomes another
integer in each channel: few values per channel remain, not few in all.
"""

from optfarm_tasks.frameworks.keras import clustering, kernels, training
from optfarm_tasks.technique import Done, Work

CARD = training.card(tolerance_nmse=0.2)
PARAMS = clustering.Clustering


def run(work: Work, params: PARAMS) -> Done:
    """Clusters and fine-tunes."""
    model = training.load(work)
    weights = clustering.clusterable(model, params, user="cluster")
    trainer = training.trainer_of(work, model, params)
    losses = clustering.cluster(model, weights, trainer.within(0.2, 0.9), count=params.clusters)
    notes = {"distinct_weights": kernels.distinct(weights), "sparsity": kernels.sparsity(weights), "loss": losses}
    return training.save(model, work, notes=notes | trainer.samples.notes)
