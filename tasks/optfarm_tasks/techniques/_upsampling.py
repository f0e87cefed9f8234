"""Upsampling in a graph whose size is a number: tf_keras writes `UpSampling2D` so, and it has to follow the input."""

from typing import Any

_OPS = frozenset({"ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic"})


def factors(imported: Any) -> dict[str, tuple[int, int]]:
    """Node → how many times higher and wider its image becomes, where its size is known and a multiple.

    Args:
        imported: a tf.Graph with shapes inferred; the nodes come in the order in which they run.
    """
    found = {}
    for operation in imported.get_operations():
        if operation.type not in _OPS:
            continue
        taken, given = operation.inputs[0].shape[1:3], operation.outputs[0].shape[1:3]
        if not (taken.is_fully_defined() and given.is_fully_defined()):
            continue
        if not any(new % old for new, old in zip(given, taken, strict=True)):
            found[operation.name] = (given[0] // taken[0], given[1] // taken[1])
    return found


def resize(definition: Any, name: str, size: tuple[int, int]) -> None:
    """Gives a node a size of its own, in place; others may read the constant that it had."""
    import tensorflow as tf

    (node,) = (each for each in definition.node if each.name == name)
    constant = definition.node.add(name=f"{name}/resized", op="Const")
    constant.attr["dtype"].type = tf.int32.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(size, tf.int32))
    node.input[1] = constant.name
