"""Clusters kernels and lets the shared values learn."""

from typing import Any

from pydantic import Field

from optfarm_tasks.technique import Report
from optfarm_tasks.techniques import _clusters, _keeping, _kernels, _pruning, _training
from optfarm_tasks.techniques._lessons import Lessons

_PRUNED = 0.05
"""A kernel with this fraction of zeros has been pruned; a trained weight is hardly ever zero by chance."""
_WEIGHTS_PER_VALUE = 4
"""A kernel of fewer weights per value would hardly shrink, and lose much."""


class Clustering(_training.Training):
    """Parameters of techniques that cluster."""

    clusters: int = Field(default=16, ge=3, le=256, description="values that each kernel may have; 16 take 4 bits")
    min_weights: int = _pruning.MIN_WEIGHTS


def clusterable(model: Any, params: Clustering, *, user: str) -> dict[str, Any]:
    """The kernels that are large enough.

    Raises:
        BadModel: there is none.
    """
    least = max(params.min_weights, _WEIGHTS_PER_VALUE * params.clusters)
    return _kernels.chosen(model, min_weights=least, user=user)


def cluster(
    model: Any, kernels: _kernels.Kernels, lessons: Lessons, params: Clustering, *, seed: int, report: Report
) -> list[float]:
    """Rounds kernels of a model in place to few values each and fine-tunes those; gives the loss of each epoch.

    A kernel that was pruned keeps its zeros.
    """
    for kernel in kernels.values():
        weights = kernel.numpy()
        is_pruned = _kernels.zeros(weights) >= _PRUNED
        centroids = _clusters.centroids_of(weights, params.clusters, keeps_zero=is_pruned)
        kernel.assign(centroids[_clusters.assigned(weights, centroids)])
    keeper = _keeping.keeper(kernels, _keeping.values_of(kernels))
    return _training.fine_tune(model, lessons, params, seed=seed, report=report, callbacks=[keeper])
