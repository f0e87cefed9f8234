"""Rebuilds a Keras 3 model in tf_keras, where TensorFlow's optimisation toolkit can change it.

The calls of the model are made again, in their order, on layers of tf_keras; so nothing depends on how either library
writes a graph down. Weights go over layer by layer.
"""

from typing import Any

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.keras.activations import own_activation
from optfarm_tasks.frameworks.keras.counterpart import counterpart
from optfarm_tasks.frameworks.keras.likeness import check_alike
from optfarm_tasks.frameworks.keras.operations import applied
from optfarm_tasks.frameworks.keras.weights import copy_weights

_OF_MASKS = frozenset({"NotEqual", "Any"})
"""How Keras 3 makes a mask of an Embedding or a Masking; tf_keras makes it by itself."""


def to_tf_keras(model: Any, input_name: str) -> Any:
    """A model of tf_keras that computes the same.

    Args:
        model: a Sequential or functional model of Keras 3.
        input_name: what to call the input of a Sequential that does not name it.

    Raises:
        BadModel: tf_keras has no such layer, or takes its settings or weights otherwise, or computes
            it otherwise; the layer is named.
    """
    bridge = _Bridge()
    with blaming(BadModel, "tf_keras cannot rebuild this Keras 3 model"):
        twin = bridge.model(model, input_name)
    for given, made in bridge.pairs:
        with blaming(BadModel, f"the weights of the layer {given.name} do not fit tf_keras"):
            copy_weights(given, made)
    check_alike(model, twin, bridge.pairs)
    return twin


class _Bridge:
    """The layers that were made so far, each once however often it is called."""

    def __init__(self) -> None:
        self._made: dict[int, Any] = {}
        self.pairs: list[tuple[Any, Any]] = []
        """Layers of Keras 3 with those of tf_keras that stand for them."""

    def model(self, model: Any, input_name: str | None = None) -> Any:
        """A Sequential or functional model, and the models within it."""
        import keras

        if isinstance(model, keras.Sequential):
            name = model.inputs[0].name if input_name is None or _names_its_input(model) else input_name
            if not any(own_activation(layer) for layer in model.layers):
                return self._sequential(model, name)
            return self._functional(model._functional, [name])  # noqa: SLF001 (Keras has no public name for it)
        if not isinstance(model, keras.Model) or not hasattr(model, "_nodes_by_depth"):
            kind = type(model).__name__
            raise BadModel(f"the model is of class {kind!r}; only Sequential and functional models can be fine-tuned")
        return self._functional(model, [tensor.name for tensor in model.inputs])

    def _functional(self, model: Any, names: list[str]) -> Any:
        import tf_keras

        inputs = [_input(tensor, name) for tensor, name in zip(model.inputs, names, strict=True)]
        tensors = {id(tensor): made for tensor, made in zip(model.inputs, inputs, strict=True)}
        self._run(model, tensors)
        made = [_named_as(tensor, tensors[id(tensor)]) for tensor in model.outputs]
        outputs = _structured(model, "_outputs_struct", made)
        return tf_keras.Model(_structured(model, "_inputs_struct", inputs), outputs, name=model.name)

    def _sequential(self, model: Any, name: str) -> Any:
        import tf_keras

        layers = [self._layer(layer) for layer in model.layers]
        return tf_keras.Sequential([_input(model.inputs[0], name), *layers], name=model.name)

    def _run(self, model: Any, tensors: dict[int, Any]) -> None:
        """Makes every call of a functional model again; adds what they give to the tensors."""
        for depth in sorted(model._nodes_by_depth, reverse=True):  # noqa: SLF001 (Keras has no public name for it)
            for node in model._nodes_by_depth[depth]:  # noqa: SLF001 (as above)
                if node.is_input or any(id(tensor) not in tensors for tensor in node.input_tensors):
                    continue
                given = self._call(node, *node.arguments.fill_in(tensors))
                made = given if isinstance(given, list | tuple) else [given]
                tensors.update({id(tensor): each for tensor, each in zip(node.outputs, made, strict=True)})

    def _call(self, node: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        import keras

        if not isinstance(node.operation, keras.layers.Layer):
            return applied(node.operation, args, kwargs)
        # Whether it trains is decided when the model is called, as Keras 3 does in spite of what it wrote down.
        named = {name: value for name, value in kwargs.items() if value is not None and name != "training"}
        if "mask" in named and _is_implicit(node.arguments.kwargs["mask"], args[0]):
            del named["mask"]
        made = self._layer(node.operation)(*args, **named)
        after = own_activation(node.operation)
        return made if after is None else after(made)

    def _layer(self, layer: Any) -> Any:
        if id(layer) not in self._made:
            is_model = hasattr(layer, "layers")
            self._made[id(layer)] = self.model(layer) if is_model else counterpart(layer)
            self.pairs += [] if is_model else [(layer, self._made[id(layer)])]
        return self._made[id(layer)]


def _named_as(tensor: Any, made: Any) -> Any:
    """An output under its name in Keras 3: tf_keras names what a bare operation gives after TensorFlow's function."""
    import keras
    import tf_keras

    operation = tensor._keras_history.operation  # noqa: SLF001 (the one way from a tensor to what gives it)
    if isinstance(operation, keras.layers.Layer):
        return made
    return tf_keras.layers.Activation("linear", dtype=made.dtype, name=operation.name)(made)


def _is_implicit(mask: Any, tensor: Any) -> bool:
    """Whether tf_keras passes this mask on by itself: Keras 3 made it of an Embedding or a Masking further up."""
    maker = getattr(mask, "_keras_history", None)
    is_made = maker is not None and type(maker.operation).__name__ in _OF_MASKS
    return is_made and getattr(tensor, "_keras_mask", None) is not None


def _input(tensor: Any, name: str) -> Any:
    import tf_keras

    return tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=name)


def _names_its_input(model: Any) -> bool:
    """Whether a Sequential was given an input with a name, rather than a shape alone."""
    return bool(model._layers) and type(model._layers[0]).__name__ == "InputLayer"  # noqa: SLF001 (no public name)


def _structured(model: Any, name: str, tensors: list[Any]) -> Any:
    """Tensors in the structure that the model takes or gives: one, a list, a dict."""
    import keras

    return keras.tree.pack_sequence_as(getattr(model, name), tensors)
