"""Quantisation-aware training by TensorFlow's optimisation toolkit, with the ranges of activations taken from data.

The toolkit starts every range at ±6 and moves it by a thousandth a step, which takes thousands of steps to fit a model
whose activations are larger. So ranges are first taken from the float model's activations on samples. A Rescaling of
images, which it does not quantise, is replaced by a depthwise convolution of one pixel that computes the same.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras import emulation, kernels, preserving, pruning, training
from optfarm_tasks.frameworks.keras.training_set import TrainingSet, arranged, fixed_batch, forget_state
from optfarm_tasks.frameworks.keras.weights import copy_weights

_NAMED = 8
_SAMPLES, _BATCH = 64, 8
_IMAGE_RANK = 4
_BY_TRANSFORM = ("SeparableConv1D", "SeparableConv2D")
"""Layers that the toolkit splits into others, which it takes."""
_BEFORE_NORM = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "Dense", "Reshape", *_BY_TRANSFORM)
"""Layers that the toolkit folds a batch norm into."""
_FLOAT, _LINEAR = "float32", "linear"
_ALONE = (_LINEAR, "relu", "sigmoid", "softmax", "swish", "tanh")
"""What the toolkit takes as a layer of its own; whatever Keras has, it takes within a layer."""

Range = tuple[float, float]
Keep = Callable[[kernels.Kernels], dict[str, preserving.Kept]]


def quantise(model: Any, trainer: training.Trainer, *, keep: Keep | None = None) -> tuple[Any, dict[str, Any]]:
    """A model that emulates int8, fine-tuned, and notes for the result.

    Args:
        model: float; it is left as it is.
        trainer: what fine-tunes it.
        keep: what its kernels have to keep.

    Raises:
        BadModel: the toolkit does not take the model; a layer is named.
        NothingToDo: it quantises none of the layers.
    """
    _refuse_models_within(model)
    _refuse_types(model)
    float_model = _copy(model)
    ranges = _ranges(float_model, trainer.samples)
    lowered, left = _lowered(float_model)
    _refuse_none(lowered, left)
    with blaming(BadModel, "the model cannot be quantised"):
        emulating = _annotated(lowered, left)
    _set_ranges(emulating, ranges)
    weights = kernels.kernels(emulating)
    callbacks = [preserving.keeper(weights, keep(weights))] if keep else []
    losses = trainer.fine_tune(emulating, callbacks=callbacks)
    return emulating, {"loss": losses, "float_layers": sorted(left)}


def _refuse_models_within(model: Any) -> None:
    inner = [layer.name for layer in model.layers if hasattr(layer, "layers")]
    if inner:
        raise BadModel(f"the layer {', '.join(inner)} is a model itself, which cannot be quantised; flatten the model")


def _refuse_types(model: Any) -> None:
    """The toolkit rounds float32 alone, and joins it to nothing else."""
    other = [layer for layer in model.layers if layer.weights and layer.compute_dtype != _FLOAT]
    if other:
        there = ", ".join(f"{layer.name} ({layer.compute_dtype})" for layer in other[:_NAMED])
        raise BadModel(f"int8 is emulated in {_FLOAT} alone, and there are layers of other types: {there}")


def _refuse_none(model: Any, left: frozenset[str]) -> None:
    layers = [layer for layer in model.layers if type(layer).__name__ != "InputLayer"]
    if all(layer.name in left for layer in layers):
        there = ", ".join(f"{layer.name} ({type(layer).__name__}, {_activation(layer)})" for layer in layers[:_NAMED])
        raise NothingToDo(f"the toolkit quantises none of the layers: {there}")


def _copy(model: Any) -> Any:
    """The model with layers of its own, each called once: pruning has called them within another model too."""
    import tf_keras

    copied = tf_keras.models.clone_model(model)
    copy_weights(model, copied)
    return copied


def _annotated(model: Any, left: frozenset[str]) -> Any:
    """The model with int8 emulated in all layers but some, which keep their names: outputs are named by them."""
    import tf_keras
    from tensorflow_model_optimization.quantization import keras as quantisation

    _count_beyond(model)
    annotate = quantisation.quantize_annotate_layer
    marked = tf_keras.models.clone_model(
        model, clone_function=lambda layer: layer if layer.name in left else annotate(layer)
    )
    with emulation.quantising():
        return quantisation.quantize_apply(marked, quantized_layer_name_prefix="")


def _count_beyond(model: Any) -> None:
    """Has Keras number new layers beyond those of a model.

    The toolkit splits a separable convolution into layers that it does not name. Where one gets the name of another
    layer of the model, Keras rebuilds the model without an end.
    """
    from tf_keras.src.backend import get_default_graph_uid_map

    counts = get_default_graph_uid_map()
    for layer in model.layers:
        name, _, number = layer.name.rpartition("_")
        key, own = (("", name), int(number)) if number.isdecimal() else (("", layer.name), 0)
        counts[key] = max(counts[key], own + 1)


def _ranges(model: Any, learnt: TrainingSet) -> dict[str, Range]:
    """Layer → least and largest of its output, 0 included, over some samples."""
    import tf_keras

    # A layer that is called several times has one range for all that it gives.
    watched = [(layer.name, tensor) for layer in model.layers for tensor in _outputs_of(layer)]
    probe = tf_keras.Model(model.inputs, [tensor for _, tensor in watched])
    ranges = {name: (0.0, 0.0) for name, _ in watched}
    size = fixed_batch(model) or _BATCH
    forget_state(probe)
    for start in range(0, min(_SAMPLES, learnt.count), size):
        rows = np.arange(start, start + size) % learnt.count
        samples = {name: array[rows] for name, array in learnt.inputs.items()}
        for (name, _), output in zip(watched, _listed(probe(arranged(model, samples), training=False)), strict=True):
            low, high = ranges[name]
            ranges[name] = (min(low, float(np.min(output))), max(high, float(np.max(output))))
    return ranges


def _outputs_of(layer: Any) -> list[Any]:
    """What each call of a layer gives, where that is one tensor of numbers that are rounded."""
    given = (layer.get_output_at(index) for index in range(len(layer.inbound_nodes)))
    return [tensor for tensor in given if hasattr(tensor, "shape") and tensor.dtype.is_floating]


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


def _lowered(model: Any) -> tuple[Any, frozenset[str]]:
    """A model that computes the same, and the names of the layers that have to stay in float.

    Args:
        model: each of its layers was called once; they are shared with the model that comes out.
    """
    scales = {layer.name: layer for layer in model.layers if _is_rescaling(layer)}
    left = frozenset(layer.name for layer in model.layers if layer.name not in scales and not _is_taken(layer))
    twin = pruning.with_layers(model, lambda layer: _stand_in(layer) if layer.name in scales else layer)
    for name, layer in scales.items():
        _fill(twin.get_layer(name), layer)
    return twin, left


def _is_rescaling(layer: Any) -> bool:
    is_of_images = type(layer).__name__ == "Rescaling" and len(layer.output.shape) == _IMAGE_RANK
    # A convolution takes no bytes.
    return is_of_images and bool(layer.input.dtype.is_floating)


def _stand_in(layer: Any) -> Any:
    import tf_keras

    return tf_keras.layers.DepthwiseConv2D(1, name=layer.name, trainable=False)


def _fill(depthwise: Any, rescaling: Any) -> None:
    kernel, bias = depthwise.get_weights()
    scale, offset = (np.broadcast_to(each, bias.shape) for each in (rescaling.scale, rescaling.offset))
    depthwise.set_weights([scale.reshape(kernel.shape), offset])


def _is_taken(layer: Any) -> bool:
    from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import (
        default_8bit_quantize_registry as registry,
    )

    kind = type(layer).__name__
    if kind == "Activation" and _activation(layer) not in _ALONE:
        return False
    if kind == "InputLayer" or kind in _BY_TRANSFORM or registry.Default8BitQuantizeRegistry().supports(layer):
        return True
    return kind == "BatchNormalization" and _is_folded(layer)


def _is_folded(layer: Any) -> bool:
    """Whether a batch norm goes into the layer before it: not beyond an activation."""
    before = layer.inbound_nodes[0].inbound_layers
    return type(before).__name__ in _BEFORE_NORM and _activation(before) == _LINEAR


def _activation(layer: Any) -> str:
    """The name of what a layer applies to its own result."""
    return str(getattr(getattr(layer, "activation", None), "__name__", _LINEAR))
