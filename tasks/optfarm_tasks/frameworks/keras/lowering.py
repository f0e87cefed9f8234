"""Prepares a float model for quantisation-aware training: which layers the toolkit takes, and stand-ins for others.

A Rescaling of images is stood in for by a depthwise convolution of one pixel, which computes the same and which the
toolkit can quantise.
"""

from typing import Any

import numpy as np

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.keras import pruning

_IMAGE_RANK = 4
_BY_TRANSFORM = ("SeparableConv1D", "SeparableConv2D")
"""Layers that the toolkit splits into others, which it takes."""
_BEFORE_NORM = ("Conv2D", "Conv2DTranspose", "DepthwiseConv2D", "Dense", "Reshape", *_BY_TRANSFORM)
"""Layers that the toolkit folds a batch norm into."""


def lowered(model: Any) -> tuple[Any, frozenset[str]]:
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


def refuse_models_within(model: Any) -> None:
    """Passes when no layer of a model is a model, which the toolkit does not quantise.

    Raises:
        BadModel: one is.
    """
    inner = [layer.name for layer in model.layers if hasattr(layer, "layers")]
    if inner:
        raise BadModel(f"the layer {', '.join(inner)} is a model itself, which cannot be quantised; flatten the model")


def _is_rescaling(layer: Any) -> bool:
    return type(layer).__name__ == "Rescaling" and len(layer.output.shape) == _IMAGE_RANK


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
    if kind == "InputLayer" or kind in _BY_TRANSFORM or registry.Default8BitQuantizeRegistry().supports(layer):
        return True
    return kind == "BatchNormalization" and _follows(layer, _BEFORE_NORM)


def _follows(layer: Any, kinds: tuple[str, ...]) -> bool:
    before = layer.inbound_nodes[0].inbound_layers
    return type(before).__name__ in kinds
