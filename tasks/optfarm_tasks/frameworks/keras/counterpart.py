"""The tf_keras layer that stands for one layer of Keras 3: its settings in the dialect of Keras 2, without weights.

Keras 3 writes settings that Keras 2 does not know, into a layer and into what it holds: initialisers, regularisers,
constraints, wrapped layers, cells. Each level keeps what its own class takes.
"""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras.activations import own_activation

_ROOMS = ("layers", "initializers", "regularizers", "constraints")
_ALWAYS = frozenset({"name", "trainable", "dtype"})
_LOOKUPS = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})
_HARMLESS = frozenset({"batch_shape", "optional", "quantization_config", "build_config", "autocast"})
"""What Keras 3 alone knows, and what changes nothing of what a layer computes."""
_RENAMED = {("LeakyReLU", "negative_slope"): "alpha"}
"""Class and setting in Keras 3 → the setting in tf_keras."""
_OF_BUILD = {"MultiHeadAttention": ("query_shape", "key_shape", "value_shape")}
"""What tf_keras keeps among the settings of a layer, to build it again before it is called."""


def counterpart(layer: Any) -> Any:
    """A layer of tf_keras with the settings of one of Keras 3, without its `own_activation`.

    Raises:
        BadModel: tf_keras has no such layer, or takes its settings otherwise; it is named.
    """
    kind = type(layer).__name__
    if kind in own_classes() and type(layer).__module__.startswith("keras."):
        return own_classes()[kind](**{**layer.get_config(), "dtype": _dtype(layer.get_config().get("dtype"))})
    if kind == "Lambda":
        return _class_of("layers", kind)(layer.function, arguments=layer.arguments, name=layer.name)
    found = _class_of("layers", kind)
    if found is None or not type(layer).__module__.startswith("keras."):
        raise BadModel(f"the layer {layer.name} is of class {kind}, which tf_keras does not have")
    settings = _settings("layers", kind, layer.get_config())
    if kind in _LOOKUPS:
        settings = {**settings, "dtype": None, **_vocabulary(layer)}
    if own_activation(layer):
        settings["activation"] = "linear"
    settings |= dict.fromkeys(_OF_BUILD.get(kind, ()))
    with blaming(BadModel, f"tf_keras cannot rebuild the layer {layer.name} ({kind})"):
        return found.from_config(settings)


def own_classes() -> dict[str, Any]:
    """Layers that both Keras have for their own applications alone, and that tf_keras reads when it is told of them."""
    convnext = importlib.import_module("tf_keras.src.applications.convnext")
    return {"LayerScale": convnext.LayerScale}


def _vocabulary(layer: Any) -> dict[str, Any]:
    """The table, which Keras 3 keeps beside the settings."""
    words = layer.get_vocabulary(include_special_tokens=False)
    return {"vocabulary": words} if words else {}


def _class_of(room: str, name: str) -> Any:
    import tf_keras

    return getattr(getattr(tf_keras, room), name, None)


def _settings(room: str, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """Those settings that a class of tf_keras takes, with everything within them alike.

    Raises:
        BadModel: one that it does not take was set, so the layer would compute something else.
    """
    taken = _parameters(_class_of(room, kind)) | (_ALWAYS if room == "layers" else set())
    present = {_RENAMED.get((kind, name), name): value for name, value in config.items()}
    known = {name: _plain(value) for name, value in present.items() if name in taken}
    _refuse_what_is_lost(room, kind, {name: value for name, value in present.items() if name not in taken})
    if "batch_shape" in config and "batch_shape" not in known:
        known["batch_input_shape"] = config["batch_shape"]
    if "dtype" in known:
        known["dtype"] = _dtype(config["dtype"])
    return known


def _refuse_what_is_lost(room: str, kind: str, lost: Mapping[str, Any]) -> None:
    import keras

    defaults = inspect.signature(getattr(getattr(keras, room), kind)).parameters
    for name, value in lost.items():
        if name in _HARMLESS or name not in defaults or value in (None, "channels_last"):
            continue
        if _listed(value) != _listed(defaults[name].default):
            raise BadModel(f"a {kind} sets {name}={value!r}, which tf_keras does not have")


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _parameters(kind: type) -> frozenset[str]:
    """What the constructors of a class and of its parents take by name."""
    constructors = (vars(each)["__init__"] for each in kind.__mro__ if "__init__" in vars(each))
    return frozenset(name for each in constructors for name in inspect.signature(each).parameters)


def _plain(value: Any) -> Any:
    """A setting as Keras 2 writes it: an object within loses what its class does not take."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if not isinstance(value, dict) or not {"class_name", "config"} <= value.keys():
        return value
    room = next((each for each in _ROOMS if _class_of(each, value["class_name"]) is not None), None)
    if room is None or not isinstance(value["config"], dict):
        return value
    config = _settings(room, value["class_name"], value["config"])
    return {"module": f"keras.{room}", "class_name": value["class_name"], "config": config, "registered_name": None}


def _dtype(said: Any) -> str:
    return str(said["config"]["name"] if isinstance(said, dict) else said or "float32")
