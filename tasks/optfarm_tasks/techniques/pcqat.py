"""Pruning, clustering, then quantisation-aware training that keeps zeros and clusters.

The three of Deep Compression's training steps in one: `prune`, `cluster` and `qat`, each fine-tuned, and each keeping
what the ones before gave.

When it helps: the smallest int8 model after packing, at a quality that the separate steps may not reach.

Traps: those of `prune`, `cluster` and `qat`; it trains three times.
"""

from optfarm_tasks.technique import Done, Work
from optfarm_tasks.techniques import _clustering, _keeping, _kernels, _pruning, _quantising, _training

CARD = _training.card(tolerance_nmse=0.5)


class PARAMS(_clustering.Clustering, _pruning.Pruning):
    """How much is pruned, how many values, and how the model learns."""


def run(work: Work, params: PARAMS) -> Done:
    """Prunes, clusters, then fine-tunes with int8 emulated."""
    model = _training.load(work)
    kernels = _clustering.clusterable(model, params, user="pcqat")
    lessons = _training.lessons_of(work, model, params)
    losses = {}
    for name, step, report in (
        ("pruning_loss", _pruning.prune, _training.part(work.report, 0.1, 0.35)),
        ("clustering_loss", _clustering.cluster, _training.part(work.report, 0.35, 0.6)),
    ):
        losses[name] = step(model, kernels, lessons, params, seed=work.seed, report=report)
    emulating, notes = _quantising.quantise(
        model, lessons, params, seed=work.seed, report=_training.part(work.report, 0.6, 0.9), keep=_keeping.values_of
    )
    found = {name: kernel for name, kernel in _kernels.kernels(emulating).items() if name in kernels}
    notes |= {"sparsity": _kernels.sparsity(found), "distinct_weights": _kernels.distinct(found)}
    return _training.save(emulating, work, notes=notes | losses | lessons.told())
