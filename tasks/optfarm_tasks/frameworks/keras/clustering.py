"""Clusters the weights of kernels, and fine-tunes the values that they share."""

from typing import Any

from pydantic import Field

from optfarm_tasks.frameworks.keras import kernels, kmeans, preserving, pruning, training

_PRUNED = 0.05
"""A kernel with this fraction of zeros has been pruned; a trained weight is hardly ever zero by chance."""
_WEIGHTS_PER_VALUE = 4
"""A kernel of fewer weights per value would hardly shrink, and lose much."""


class Clustering(training.Training):
    """Parameters of techniques that cluster."""

    clusters: int = Field(default=16, ge=3, le=256, description="values that each kernel may have; 16 take 4 bits")
    min_weights: int = pruning.MIN_WEIGHTS


def clusterable(model: Any, params: Clustering, *, user: str) -> dict[str, Any]:
    """The kernels that are large enough.

    Raises:
        NothingToDo: there is none.
    """
    least = max(params.min_weights, _WEIGHTS_PER_VALUE * params.clusters)
    return kernels.chosen(model, min_weights=least, user=user)


def cluster(model: Any, weights: kernels.Kernels, trainer: training.Trainer, *, count: int) -> list[float]:
    """Rounds kernels of a model in place to so many values each and fine-tunes those; gives the loss of each epoch.

    A kernel that was pruned keeps its zeros.
    """
    for kernel in weights.values():
        values = kernel.numpy()
        is_pruned = kernels.zeros(values) >= _PRUNED
        centroids = kmeans.centroids_of(values, count, keeps_zero=is_pruned)
        kernel.assign(centroids[kmeans.assigned(values, centroids)])
    keeper = preserving.keeper(weights, preserving.values_of(weights))
    return trainer.fine_tune(model, callbacks=[keeper])
