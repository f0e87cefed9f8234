"""Reads a Keras model's configuration, of Keras 2 and Keras 3 alike: its inputs and its layers."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks.description import Shape, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import MAIN, Malformed, reading

_SEQUENTIAL = "Sequential"
_GRAPHS = frozenset({"Functional", "Model"})
_INPUT = "InputLayer"


def signature(model: Any, path: Path) -> Signature:
    """The inputs of a model, named as their layers. Keras does not write down the outputs' shapes.

    Raises:
        BadModel: the model cannot be built from its configuration alone, or says no input shape.
        Malformed: this is no model's configuration.
    """
    with reading("its model configuration"):
        return Signature(name=MAIN, inputs=tuple(_inputs(model, path)))


def layers(model: Any) -> dict[str, int]:
    """Layer class → number of layers, with those of nested models; inputs do not count."""
    with reading("its model configuration"):
        return dict(Counter(_classes(model)).most_common())


def _inputs(model: Any, path: Path) -> Iterator[Tensor]:
    kind = model["class_name"]
    if kind == _SEQUENTIAL:
        yield from _first_inputs(model, path)
    elif kind in _GRAPHS and "layers" in model["config"]:
        by_name = {_name(layer): layer for layer in _layers(model)}
        for name in _names(model["config"]["input_layers"]):
            yield _tensor(name, by_name[name]["config"])
    else:
        raise BadModel(f"{path} is of class {kind!r}, whose code it does not hold; export it as a SavedModel")


def _first_inputs(model: Any, path: Path) -> Iterator[Tensor]:
    first = next(iter(_layers(model)), None)
    if first is None:
        raise BadModel(f"{path} has no layers; add some before saving it")
    if first["class_name"] == _SEQUENTIAL or first["class_name"] in _GRAPHS:
        yield from _inputs(first, path)
        return
    config, name = first["config"], _name(first)
    built = {"batch_shape": _built_shape(model)}
    for said in (config, built):
        if said.get("batch_shape", said.get("batch_input_shape")) is not None:
            # Only a layer that takes the model's input may stand for it, and Keras then names the input so.
            yield _tensor(name if first["class_name"] == _INPUT else f"{name}_input", {**config, **said})
            return
    raise BadModel(f"{path} says no input shape; begin the model with keras.Input and save it again")


def _built_shape(model: Any) -> Any:
    config = model["config"]
    said = config.get("build_input_shape") if isinstance(config, dict) else None
    return said or model.get("build_config", {}).get("input_shape")


def _tensor(name: str, config: Any) -> Tensor:
    sizes = config.get("batch_shape", config.get("batch_input_shape"))
    return Tensor(name=name, dtype=_dtype(config), shape=_shape(sizes))


def _dtype(config: Any) -> str:
    """The input's type; layers compute in less than a mixed policy's inputs have."""
    said = config.get("dtype") or "float32"
    name = said["config"]["name"] if isinstance(said, dict) else said
    return "float32" if str(name).startswith("mixed_") else str(name)


def _shape(sizes: Any) -> Shape:
    is_shape = isinstance(sizes, list) and all(size is None or (type(size) is int and size >= 0) for size in sizes)
    if not is_shape:
        raise Malformed(f"its model configuration gives {sizes!r} as the shape of an input")
    return tuple(sizes)


def _names(nested: Any) -> Iterator[str]:
    """The layers that input_layers names: one, a list or a dict of [layer, node, tensor]."""
    if isinstance(nested, dict):
        nested = list(nested.values())
    if nested and isinstance(nested[0], str):
        yield nested[0]
        return
    for part in nested:
        yield from _names(part)


def _classes(model: Any) -> Iterator[str]:
    for layer in _layers(model):
        is_model = layer["class_name"] == _SEQUENTIAL or layer["class_name"] in _GRAPHS
        if is_model and "layers" in layer["config"]:
            yield from _classes(layer)
        elif layer["class_name"] != _INPUT:
            yield str(layer["class_name"])


def _layers(model: Any) -> list[Any]:
    # Before Keras 2.2.3 the configuration of a Sequential was the list of its layers.
    config = model["config"]
    found: list[Any] = config if isinstance(config, list) else config["layers"]
    return found


def _name(layer: Any) -> str:
    return str(layer["config"].get("name") or layer["name"])
