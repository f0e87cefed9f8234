"""Registers models of Keras 3 and tf_keras under each way in which people save them."""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from tests.zoo.entries import Arrays, Feed, Feeds, Truth, add

Make = Callable[[Any], Any]
"""Makes a model of a library: keras or tf_keras."""


def model(name: str, how: str, feeds: Feeds, *, tags: str = "") -> Callable[[Make], Make]:
    """The decorated function makes a model of the library that it is given.

    Args:
        name: in the zoo.
        how: library and way of saving, such as keras.h5, tf_keras.save, keras.export, tf_keras.keras.
        feeds: its inputs, in the order in which it takes them.
        tags: as those of an entry.
    """
    library, _, way = how.partition(".")

    def register(make: Make) -> Make:
        def build(folder: Path) -> Truth:
            module = importlib.import_module(library)
            module.utils.set_random_seed(5)
            return saved(make(module), module, way, folder)

        add(name, feeds, build, tags=f"{tags} keras_file" if way in ("keras", "h5") else tags)
        return make

    return register


def functional(name: str, how: str, *, tags: str = "", **feeds: Feed) -> Callable[[Callable[..., Any]], Any]:
    """The decorated function makes the outputs of the inputs that it is given by name."""

    def register(body: Callable[..., Any]) -> Any:
        @model(name, how, feeds, tags=tags)
        def make(library: Any) -> Any:
            inputs = {
                key: library.Input(batch_shape=feed.batch_shape, dtype=feed.dtype, name=key)
                for key, feed in feeds.items()
            }
            return library.Model(list(inputs.values()), body(library, **inputs))

        del make
        return body

    return register


def sequential(name: str, how: str, feed: Feed, *, tags: str = "") -> Callable[[Callable[..., Any]], Any]:
    """The decorated function makes the layers of a Sequential whose input is named x."""

    def register(body: Callable[..., Any]) -> Any:
        @model(name, how, {"x": feed}, tags=tags)
        def make(library: Any) -> Any:
            x = library.Input(batch_shape=feed.batch_shape, dtype=feed.dtype, name="x")
            return library.Sequential([x, *body(library)])

        del make
        return body

    return register


def saved(made: Any, library: Any, way: str, folder: Path) -> Truth:
    """Saves a model, and gives what computes it."""
    if way in ("keras", "h5"):
        made.save(folder / f"model.{way}")
        return lambda arrays: _by_layer(made, arrays)
    if way == "export" and library.__name__ == "keras":
        made.export(str(folder), verbose=False)
    elif way == "export":
        made.export(str(folder))
    else:
        made.save(str(folder), save_format="tf")
    return served(folder)


def served(folder: Path) -> Truth:
    """What a SavedModel computes, by TensorFlow itself."""
    import tensorflow as tf

    loaded = tf.saved_model.load(str(folder))

    def truth(arrays: Arrays) -> Arrays:
        # Its signatures hold its variables weakly, so it is held here.
        function = loaded.signatures["serving_default"]
        names = sorted(function.structured_input_signature[1])
        given = arrays if len(names) > 1 else {names[0]: next(iter(arrays.values()))}
        outputs = function(**{name: tf.constant(array) for name, array in given.items()})
        return {name: each.numpy() for name, each in outputs.items()}

    return truth


def _by_layer(made: Any, arrays: Arrays) -> Arrays:
    """Outputs by the names of their layers, or by their keys."""
    import tensorflow as tf

    given = [tf.constant(array) for array in arrays.values()]
    if isinstance(getattr(made, "input", None), dict):
        outputs = made(dict(zip(arrays, given, strict=True)), training=False)
    else:
        outputs = made(given if len(given) > 1 else given[0], training=False)
    if isinstance(outputs, dict):
        return {name: np.asarray(each) for name, each in outputs.items()}
    flat = outputs if isinstance(outputs, list | tuple) else [outputs]
    return dict(zip(_names(made), map(np.asarray, flat), strict=True))


def _names(made: Any) -> list[str]:
    histories = [tensor._keras_history for tensor in made.outputs]
    names = [(getattr(each, "operation", None) or each.layer).name for each in histories]
    return [name if names.index(name) == at else f"{name}_{names[:at].count(name)}" for at, name in enumerate(names)]
