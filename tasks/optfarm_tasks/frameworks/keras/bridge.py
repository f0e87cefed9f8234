"""Rebuilds a Keras 3 model in tf_keras, where TensorFlow's optimisation toolkit can change it.

The architecture goes over as its configuration, whose two dialects differ in how they write inputs, types and the
tensors between layers; weights go over layer by layer.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming

_SEQUENTIAL, _INPUT = "Sequential", "InputLayer"
_GRAPHS = frozenset({"Functional", "Model"})
_TENSOR = "__keras_tensor__"


def to_tf_keras(model: Any, input_name: str) -> Any:
    """A model of tf_keras that computes the same.

    Args:
        model: a Sequential or functional model of Keras 3.
        input_name: what to call the input of a Sequential that does not name it.

    Raises:
        BadModel: tf_keras has no such layer, or takes its configuration or weights otherwise; the layer is named.
    """
    import tf_keras

    kind = type(model).__name__
    with blaming(BadModel, "tf_keras cannot rebuild this Keras 3 model"):
        config = _model(kind, model.get_config(), batch_shape=_batch_shape(model), input_name=input_name)
        library = tf_keras.Sequential if kind == _SEQUENTIAL else tf_keras.Model
        twin = library.from_config(config)
    _copy_weights(model, twin)
    return twin


def leaves(model: Any) -> Iterator[Any]:
    """The layers of a model and of the models within it."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from leaves(layer)
        else:
            yield layer


def _batch_shape(model: Any) -> list[int | None]:
    inputs = getattr(model, "inputs", None) or []
    return list(inputs[0].shape) if len(inputs) == 1 else []


def _model(kind: str, config: Any, *, batch_shape: list[int | None], input_name: str) -> dict[str, Any]:
    layers = [_layer(layer) for layer in config["layers"]]
    if kind == _SEQUENTIAL:
        if layers[0]["class_name"] != _INPUT:
            layers.insert(0, _input(input_name, batch_shape))
        return {"name": config["name"], "layers": layers}
    if kind not in _GRAPHS:
        raise BadModel(f"the model is of class {kind!r}; only Sequential and functional models can be fine-tuned")
    ends = {side: _listed(config[side]) for side in ("input_layers", "output_layers")}
    return {"name": config["name"], "layers": layers, **ends}


def _input(name: str, batch_shape: list[int | None]) -> dict[str, Any]:
    config = {"name": name, "batch_input_shape": batch_shape}
    return {"module": "keras.layers", "class_name": _INPUT, "registered_name": None, "config": config}


def _layer(layer: Any) -> dict[str, Any]:
    kind, config = layer["class_name"], layer["config"]
    if kind == _SEQUENTIAL or kind in _GRAPHS:
        shape = layer.get("build_config", {}).get("input_shape") or []
        config = _model(kind, config, batch_shape=shape, input_name=f"{config['name']}_input")
    else:
        config = _known(kind, config)
    return {
        "module": "keras.models" if kind == _SEQUENTIAL or kind in _GRAPHS else "keras.layers",
        "class_name": kind,
        "registered_name": None,
        "config": config,
        "name": config["name"],
        "inbound_nodes": [_node(kind, node) for node in layer.get("inbound_nodes", ())],
    }


def _known(kind: str, config: dict[str, Any]) -> dict[str, Any]:
    """What tf_keras's layer of that class takes; Keras 3 writes some settings that it has not."""
    import tf_keras

    found = getattr(tf_keras.layers, kind, None)
    if found is None:
        raise BadModel(f"the layer {config.get('name')} is of class {kind}, which tf_keras does not have")
    taken = {name for each in found.__mro__ if "__init__" in vars(each) for name in inspect.signature(each).parameters}
    known = {name: value for name, value in config.items() if name in taken | {"name", "trainable", "dtype"}}
    if "batch_shape" in config:
        known["batch_input_shape"] = known.pop("batch_shape", config["batch_shape"])
    return known | {"dtype": _dtype(config.get("dtype"))}


def _dtype(said: Any) -> str:
    return str(said["config"]["name"] if isinstance(said, dict) else said or "float32")


def _node(kind: str, node: dict[str, Any]) -> list[Any]:
    """One call of a layer: Keras 2 lists the tensors of the first argument, and keeps the others with the first."""
    first, *others = node["args"]
    named = {key: _tensors(value) for key, value in node["kwargs"].items() if value is not None}
    if others:
        named |= dict(zip(_arguments(kind)[1:], map(_tensors, others), strict=False))
    tensors = _listed(_tensors(first))
    return [[*tensor, named if index == 0 else {}] for index, tensor in enumerate(tensors)]


def _arguments(kind: str) -> list[str]:
    import tf_keras

    return [name for name in inspect.signature(getattr(tf_keras.layers, kind).call).parameters if name != "self"]


def _tensors(value: Any) -> Any:
    """A structure with its tensors as Keras 2 writes them: layer, call, number of the output."""
    if isinstance(value, dict) and value.get("class_name") == _TENSOR:
        return list(value["config"]["keras_history"])
    if isinstance(value, (list, tuple)):
        return [_tensors(each) for each in value]
    return value


def _listed(tensors: Any) -> Any:
    """One tensor as a list of one."""
    return [tensors] if isinstance(tensors, list) and isinstance(tensors[0], str) else tensors


def _copy_weights(model: Any, twin: Any) -> None:
    given = {layer.name: layer for layer in leaves(model)}
    for layer in leaves(twin):
        if not layer.weights:
            continue
        with blaming(BadModel, f"the weights of the layer {layer.name} do not fit tf_keras"):
            layer.set_weights(given[layer.name].get_weights())
