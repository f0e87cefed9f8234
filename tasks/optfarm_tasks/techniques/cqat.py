"""Weight clustering, then quantisation-aware training that keeps the clusters.

Kernels are clustered and fine-tuned first, as by `cluster`; then int8 is emulated, as by `qat`, and weights that share
a value go on sharing it.

When it helps: an int8 model that packs well, with better quality than `cluster -> tflite-int8` where int8 costs much.

Traps: those of `cluster` and of `qat`; it trains twice.
"""

from optfarm_tasks.technique import Done, Work
from optfarm_tasks.techniques import _clustering, _keeping, _kernels, _quantising, _training

CARD = _training.card(tolerance_nmse=0.2)


class PARAMS(_clustering.Clustering):
    """How many values, and how the model learns."""


def run(work: Work, params: PARAMS) -> Done:
    """Clusters, then fine-tunes with int8 emulated."""
    model = _training.load(work)
    kernels = _clustering.clusterable(model, params, user="cqat")
    lessons = _training.lessons_of(work, model, params)
    clustering, learning = _training.part(work.report, 0.1, 0.5), _training.part(work.report, 0.5, 0.9)
    losses = _clustering.cluster(model, kernels, lessons, params, seed=work.seed, report=clustering)
    emulating, notes = _quantising.quantise(
        model, lessons, params, seed=work.seed, report=learning, keep=_keeping.values_of
    )
    found = {name: kernel for name, kernel in _kernels.kernels(emulating).items() if name in kernels}
    notes |= {"distinct_weights": _kernels.distinct(found), "clustering_loss": losses, **lessons.told()}
    return _training.save(emulating, work, notes=notes)
