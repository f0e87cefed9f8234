"""Removes whole units of dense layers, so that the layers become narrower.

A unit goes if it matters least to the next layer, by the spread of its activation over samples times the size of the
weights that the next layer reads it by. What it gives on average goes into the next layer's bias. Then the smaller
model is fine-tuned. Li et al., "Pruning filters for efficient ConvNets" (arXiv:1608.08710), do so with the filters of
convolutions.

When it helps: wide dense layers, where most of a model's weights lie. It pays on every device and in every runtime,
in size as in time, for what is left is a plain dense model; int8 or clustering come after it.

Traps: the last layer and layers that feed anything but one dense layer keep their units. Without labels to learn from,
or with few epochs, a large share costs quality.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.keras import pruning, training, training_set
from optfarm_tasks.technique import Done, Work

CARD = training.card(tolerance_nmse=0.5)

_WATCHED = 512
"""Samples on which activations are watched."""
_PASSING = ("Activation", "Dropout", "LeakyReLU", "ReLU")
"""Layers between two dense ones that keep units apart."""

Kept = Mapping[str, NDArray[np.intp]]
"""Layer name → the units that stay, in their order."""


class PARAMS(training.Training):
    """How many units go, and how the model recovers."""

    share: float = Field(default=0.5, gt=0, lt=1, description="fraction of a layer's units that is removed")
    min_units: int = Field(default=16, ge=2, le=1_000_000, description="layers of fewer units keep them all")


def run(work: Work, params: PARAMS) -> Done:
    """Removes units layer by layer, and fine-tunes."""
    model = training.load(work)
    trainer = training.trainer_of(work, model, params)
    pairs = _pairs(model, params)
    kept = {
        layer.name: _remove(model, layer, reader, trainer.samples.inputs, share=params.share) for layer, reader in pairs
    }
    narrow = _narrowed(model, kept, {reader.name: kept[layer.name] for layer, reader in pairs})
    losses = trainer.within(0.2, 0.9).fine_tune(narrow)
    units = {layer.name: [int(layer.units), len(kept[layer.name])] for layer, _ in pairs}
    return training.save(narrow, work, notes={"units_before_and_after": units, "loss": losses, **trainer.samples.notes})


def _pairs(model: Any, params: PARAMS) -> list[tuple[Any, Any]]:
    """Each dense layer that can be narrowed, with the one dense layer that reads it."""
    dense = [layer for layer in model.layers if type(layer).__name__ == "Dense"]
    read = {layer.name: _reader(model, layer) for layer in dense if layer.units >= params.min_units}
    pairs = [(layer, read[layer.name]) for layer in dense if read.get(layer.name) is not None]
    if not pairs:
        there = ", ".join(f"{layer.name} ({layer.units})" for layer in dense) or "none"
        raise NothingToDo(
            f"no dense layer of {params.min_units} units or more feeds one other dense layer and nothing else; "
            f"dense layers: {there}"
        )
    return pairs


def _reader(model: Any, layer: Any) -> Any | None:
    """The dense layer that alone reads a layer's units, through layers that keep them apart; else None."""
    ends = {id(each) for each in model.outputs}
    while len(layer.outbound_nodes) == len(layer.inbound_nodes) == 1 and id(layer.output) not in ends:
        if getattr(layer, "activation", None) is not None and layer.activation.__name__ == "softmax":
            return None
        layer = layer.outbound_nodes[0].layer
        if type(layer).__name__ == "Dense":
            return layer if len(layer.inbound_nodes) == 1 else None
        if type(layer).__name__ not in _PASSING:
            return None
    return None


def _remove(
    model: Any, layer: Any, reader: Any, inputs: Mapping[str, NDArray[Any]], *, share: float
) -> NDArray[np.intp]:
    """Chooses the units that stay, and moves the mean of the others into the reader's bias."""
    import tf_keras

    watching = tf_keras.Model(model.inputs, reader.input)
    samples = {name: array[:_WATCHED] for name, array in inputs.items()}
    (activations,) = training_set.predictions(watching, samples)
    flat = activations.reshape(-1, activations.shape[-1]).astype(np.float64)
    kernel, *bias = reader.get_weights()
    weight = flat.std(axis=0) * np.linalg.norm(kernel, axis=1)
    count = max(1, round(layer.units * (1 - share)))
    stay = np.sort(np.argsort(-weight, kind="stable")[:count])
    if bias:
        gone = np.delete(np.arange(layer.units), stay)
        reader.set_weights([kernel, bias[0] + flat.mean(axis=0)[gone] @ kernel[gone]])
    return stay


def _narrowed(model: Any, kept: Kept, read: Kept) -> Any:
    """The same model with the units that stay: kept by their own layers, read by the next ones."""

    def narrowed(layer: Any) -> Any:
        units = {"units": len(kept[layer.name])} if layer.name in kept else {}
        return type(layer).from_config(layer.get_config() | units)

    narrow = pruning.with_layers(model, narrowed)
    for layer in model.layers:
        weights = layer.get_weights()
        if layer.name in read:
            weights = [weights[0][read[layer.name]], *weights[1:]]
        if layer.name in kept:
            weights = [each[..., kept[layer.name]] for each in weights]
        narrow.get_layer(layer.name).set_weights(weights)
    return narrow
