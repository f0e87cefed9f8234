"""What a bare operation of Keras 3 (x + 1, keras.ops.relu) is in TensorFlow, for graphs that tf_keras rebuilds."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optfarm_tasks.errors import BadModel

_MODULES = ("core", "image", "linalg", "math", "nn", "numpy")
_PLAIN = {
    "Add": "math.add", "Subtract": "math.subtract", "Multiply": "math.multiply", "Divide": "math.divide",
    "TrueDivide": "math.divide", "Power": "math.pow", "Maximum": "math.maximum", "Minimum": "math.minimum",
    "Equal": "math.equal", "NotEqual": "math.not_equal", "Greater": "math.greater", "Less": "math.less",
    "GreaterEqual": "math.greater_equal", "LessEqual": "math.less_equal", "LogicalAnd": "math.logical_and",
    "LogicalOr": "math.logical_or", "LogicalNot": "math.logical_not", "Where": "where", "Negative": "math.negative",
    "Absolute": "math.abs", "Exp": "math.exp", "Log": "math.log", "Sqrt": "math.sqrt", "Rsqrt": "math.rsqrt",
    "Square": "math.square", "Sin": "math.sin", "Cos": "math.cos", "Floor": "math.floor", "Sign": "math.sign",
    "Sigmoid": "math.sigmoid", "Tanh": "math.tanh", "Relu": "nn.relu", "Relu6": "nn.relu6", "Elu": "nn.elu",
    "Selu": "nn.selu", "Softplus": "math.softplus", "Softsign": "nn.softsign", "Silu": "nn.silu",
    "Matmul": "linalg.matmul",
}  # fmt: skip
"""Operations whose arguments TensorFlow takes in the same order."""
_REDUCED = {
    "Any": "math.reduce_any", "All": "math.reduce_all", "Sum": "math.reduce_sum", "Mean": "math.reduce_mean",
    "Max": "math.reduce_max", "Min": "math.reduce_min", "Prod": "math.reduce_prod",
}  # fmt: skip
_PLACES = {"Argmax": "argmax", "Argmin": "argmin"}
_SET: Mapping[str, tuple[str, Callable[[Any, Sequence[Any]], Sequence[Any]]]] = {
    "Reshape": ("reshape", lambda op, args: (args[0], [-1 if size is None else size for size in op.newshape])),
    "Transpose": ("transpose", lambda op, args: (args[0], op.axes)),
    "ExpandDims": ("expand_dims", lambda op, args: (args[0], op.axis)),
    "Squeeze": ("squeeze", lambda op, args: (args[0], op.axis)),
    "Concatenate": ("concat", lambda op, args: (args[0], op.axis)),
    "Stack": ("stack", lambda op, args: (args[0], op.axis)),
    "Cast": ("cast", lambda op, args: (args[0], op.dtype)),
    "Softmax": ("nn.softmax", lambda op, args: (args[0], op.axis)),
    "LogSoftmax": ("nn.log_softmax", lambda op, args: (args[0], op.axis)),
    "LeakyRelu": ("nn.leaky_relu", lambda op, args: (args[0], op.negative_slope)),
    "Gelu": ("nn.gelu", lambda op, args: (args[0], op.approximate)),
    "Clip": ("clip_by_value", lambda op, args: (args[0], op.x_min, op.x_max)),
}
"""Operations with settings of their own → TensorFlow's function and its arguments."""


def classes() -> dict[str, Any]:
    """The bare operations of Keras 3 that no layer has the name of: Keras writes them into .h5, and reads none."""
    import keras
    from keras.src.ops.operation import Operation

    modules = (importlib.import_module(f"keras.src.ops.{name}") for name in _MODULES)
    found = {name: each for module in modules for name, each in vars(module).items() if isinstance(each, type)}
    return {
        name: each for name, each in found.items() if issubclass(each, Operation) and not hasattr(keras.layers, name)
    }


def applied(operation: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """The result of an operation on tensors of tf_keras.

    Raises:
        BadModel: there is no counterpart; the operation is named.
    """
    kind = type(operation).__name__
    if kind == "GetItem":
        return args[0][args[1] if len(args) > 1 else kwargs["key"]]
    if kind in _PLAIN:
        return _function(_PLAIN[kind])(*args, *kwargs.values())
    if kind in _REDUCED:
        return _function(_REDUCED[kind])(args[0], axis=operation.axis, keepdims=operation.keepdims)
    if kind in _PLACES and operation.axis is not None and not operation.keepdims:
        return _function(_PLACES[kind])(args[0], operation.axis, "int32")
    if kind in _SET:
        name, arguments = _SET[kind]
        return _function(name)(*arguments(operation, args))
    raise BadModel(f"the operation {operation.name} is of class {kind}, which has no counterpart in tf_keras")


def _function(name: str) -> Any:
    import tensorflow as tf

    found = tf
    for part in name.split("."):
        found = getattr(found, part)
    return found
