"""Quantisation-aware training by TensorFlow's optimisation toolkit, with the ranges of activations taken from data.

The toolkit starts every range at ±6 and moves it by a thousandth a step, which takes thousands of steps to fit a model
whose activations are larger. So ranges are first taken from the float model's activations on samples.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import keeping, kernels, lowering, training
from optfarm_tasks.frameworks.keras.training_set import TrainingSet, arranged, fixed_batch
from optfarm_tasks.technique import OnProgress

_SAMPLES, _BATCH = 64, 8

Range = tuple[float, float]
Keep = Callable[[kernels.Kernels], dict[str, keeping.Kept]]


def quantise(
    model: Any,
    lessons: TrainingSet,
    params: training.Training,
    *,
    seed: int,
    on_progress: OnProgress,
    keep: Keep | None = None,
) -> tuple[Any, dict[str, Any]]:
    """A model that emulates int8, fine-tuned, and what is to be told of it.

    Args:
        model: float; it is left as it is.
        lessons: what it learns from.
        params: how it learns.
        seed: of the batches.
        on_progress: called after each step.
        keep: what its kernels have to keep.

    Raises:
        BadModel: the toolkit does not take the model; a layer is named.
    """
    float_model = _copy(model)
    ranges = _ranges(float_model, lessons)
    lowered, left = lowering.lowered(float_model)
    with blaming(BadModel, "the model cannot be quantised"):
        emulating = _annotated(lowered, left)
    _set_ranges(emulating, ranges)
    weights = kernels.kernels(emulating)
    callbacks = [keeping.keeper(weights, keep(weights))] if keep else []
    losses = training.fine_tune(emulating, lessons, params, seed=seed, on_progress=on_progress, callbacks=callbacks)
    return emulating, {"loss": losses, "float_layers": sorted(left)}


def _copy(model: Any) -> Any:
    """The model with layers of its own, each called once: pruning has called them within another model too."""
    import tf_keras

    copied = tf_keras.models.clone_model(model)
    copied.set_weights(model.get_weights())
    return copied


def _annotated(model: Any, left: frozenset[str]) -> Any:
    """The model with int8 emulated in all layers but some, which keep their names: outputs are named by them."""
    import tf_keras
    from tensorflow_model_optimization.quantization import keras as quantisation

    annotate = quantisation.quantize_annotate_layer
    marked = tf_keras.models.clone_model(
        model, clone_function=lambda layer: layer if layer.name in left else annotate(layer)
    )
    with quantisation.quantize_scope():
        return quantisation.quantize_apply(marked, quantized_layer_name_prefix="")


def _ranges(model: Any, lessons: TrainingSet) -> dict[str, Range]:
    """Layer → least and largest of its output, 0 included, over some samples."""
    import tf_keras

    watched = [layer for layer in model.layers if hasattr(layer.output, "shape")]
    probe = tf_keras.Model(model.inputs, [layer.output for layer in watched])
    ranges = {layer.name: (0.0, 0.0) for layer in watched}
    for start in range(0, min(_SAMPLES, lessons.count), _BATCH):
        rows = np.arange(start, start + (fixed_batch(model) or _BATCH)) % lessons.count
        samples = {name: array[rows] for name, array in lessons.inputs.items()}
        for layer, output in zip(watched, _listed(probe(arranged(model, samples), training=False)), strict=True):
            low, high = ranges[layer.name]
            ranges[layer.name] = (min(low, float(np.min(output))), max(high, float(np.max(output))))
    return ranges


def _listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def _set_ranges(model: Any, ranges: Mapping[str, Range]) -> None:
    """Gives the ranges of activations that were seen to the variables that emulate them."""
    for layer in model.layers:
        name = getattr(layer, "layer", layer).name
        seen = ranges.get(name)
        for variable in layer.weights:
            kind = variable.name.partition(":")[0].rpartition("/")[2]
            if seen is not None and kind in ("output_min", "post_activation_min"):
                variable.assign(seen[0])
            elif seen is not None and kind in ("output_max", "post_activation_max"):
                variable.assign(max(seen[1], seen[0] + 1e-6))
