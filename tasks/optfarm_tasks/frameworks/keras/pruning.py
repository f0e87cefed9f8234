"""Prunes kernels while the model learns, by the wrappers of TensorFlow's optimisation toolkit."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import Field

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import kernels, training

_UPDATES = 8
"""How often the schedule raises the sparsity; each time sorts every kernel."""
_FLOATS = ("float32", "float64")
_IN_GROUPS = "sparsity_m_by_n"
"""The toolkit's argument for so many zeros in each group, which it counts in float32 alone."""
_RISE = 0.6
"""The fraction of the steps in which it rises; the others make up for it."""

MIN_WEIGHTS = Field(
    default=1000, ge=1, le=1_000_000_000, description="kernels of fewer weights are left alone: small ones lose most"
)

SPARSITY = "fraction of a kernel's weights that become zero"


class Pruning(training.Training):
    """Parameters of techniques that prune by magnitude."""

    sparsity: float = Field(default=0.5, gt=0, lt=1, description=SPARSITY)
    min_weights: int = MIN_WEIGHTS


def prune(model: Any, weights: kernels.Kernels, trainer: training.Trainer, *, sparsity: float) -> list[float]:
    """Prunes kernels of a model in place to a sparsity, in steps that follow a cubic decay (Zhu and Gupta, 2017).

    A kernel that is sparser already keeps its sparsity. Gives the loss of each epoch.
    """
    targets = {name: max(sparsity, kernels.zeros(kernel.numpy())) for name, kernel in weights.items()}
    return pruned(model, trainer, {name: _schedule(target, trainer.steps) for name, target in targets.items()})


def pruned(model: Any, trainer: training.Trainer, wrappings: Mapping[str, Mapping[str, Any]]) -> list[float]:
    """Fine-tunes a model in place while the toolkit prunes some layers; gives the loss of each epoch.

    Args:
        model: its layers are shared with the wrapped model that is trained, so it ends up pruned itself.
        trainer: what fine-tunes it.
        wrappings: layer name → arguments of `prune_low_magnitude`.

    Raises:
        BadModel: the toolkit does not take a layer.
    """
    from tensorflow_model_optimization.sparsity import keras as toolkit

    def wrapped(layer: Any) -> Any:
        return toolkit.prune_low_magnitude(layer, **wrappings[layer.name]) if layer.name in wrappings else layer

    taken = _FLOATS[:1] if any(_IN_GROUPS in each for each in wrappings.values()) else _FLOATS
    other = [layer for layer in model.layers if layer.name in wrappings and layer.compute_dtype not in taken]
    if other:
        there = ", ".join(f"{layer.name} ({layer.compute_dtype})" for layer in other)
        raise BadModel(f"the toolkit prunes layers that compute in {' or '.join(taken)} alone, and there are {there}")
    with blaming(BadModel, "the model cannot be pruned"):
        whole = with_layers(model, wrapped)
    return trainer.fine_tune(whole, callbacks=[toolkit.UpdatePruningStep()])


def with_layers(model: Any, change: Callable[[Any], Any]) -> Any:
    """A model of the same layers, some of them changed, in models within it too."""
    import tf_keras

    def changed(layer: Any) -> Any:
        return with_layers(layer, change) if hasattr(layer, "layers") else change(layer)

    return tf_keras.models.clone_model(model, clone_function=changed)


def _schedule(sparsity: float, steps: int) -> dict[str, Any]:
    from tensorflow_model_optimization.sparsity.keras import PolynomialDecay

    rise = max(1, int(steps * _RISE))
    frequency = max(1, rise // _UPDATES)
    end = rise // frequency * frequency
    decay = PolynomialDecay(
        initial_sparsity=0.0, final_sparsity=sparsity, begin_step=0, end_step=end, frequency=frequency
    )
    return {"pruning_schedule": decay}
