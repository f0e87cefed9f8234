"""Reads, adds and changes nodes of a GraphDef."""

import hashlib
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_LARGE_BYTES = 1024


def attribute(node: Any, key: str) -> Any:
    """The AttrValue of a node, an empty one where it has none; asking the node itself would add it."""
    from tensorflow.core.framework import attr_value_pb2

    return node.attr[key] if key in node.attr else attr_value_pb2.AttrValue()


def value(node: Any) -> NDArray[Any]:
    """The array of a Const node."""
    import tensorflow as tf

    array: NDArray[Any] = tf.make_ndarray(attribute(node, "value").tensor)
    return array


def add_constant(definition: Any, name: str, array: NDArray[Any]) -> str:
    """Adds a Const node of an array's shape and type, and gives its name."""
    import tensorflow as tf

    node = definition.node.add(name=name)
    become(node, "Const", [], dtype=array.dtype)
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
    return name


def become(node: Any, op: str, inputs: list[str], **types: DTypeLike) -> None:
    """Makes a node another op with other attributes, all of them types; its name and device stay."""
    import tensorflow as tf

    name, device = node.name, node.device
    node.Clear()
    node.name, node.op, node.device = name, op, device
    node.input.extend(inputs)
    for key, kind in types.items():
        node.attr[key].type = tf.as_dtype(np.dtype(kind)).as_datatype_enum


def share_constants(definition: Any) -> None:
    """Keeps one of each set of equal large constants, as several signatures of a model have them."""
    first: dict[str, str] = {}
    shared: dict[str, str] = {}
    for node in definition.node:
        if node.op == "Const" and node.ByteSize() > _LARGE_BYTES:
            content = hashlib.sha256(attribute(node, "value").SerializeToString(deterministic=True)).hexdigest()
            shared[node.name] = first.setdefault(content, node.name)
    for node in definition.node:
        node.input[:] = [shared.get(name, name) for name in node.input]
    keep(definition, {node.name for node in definition.node if shared.get(node.name, node.name) == node.name})


def keep(definition: Any, names: Collection[str]) -> None:
    """Takes all other nodes away, without copying what stays."""
    for index in reversed(range(len(definition.node))):
        if definition.node[index].name not in names:
            del definition.node[index]
