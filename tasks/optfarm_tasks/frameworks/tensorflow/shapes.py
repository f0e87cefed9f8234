"""Gives the inputs of a frozen graph other shapes, and finds the node that does not take them."""

import re
from collections.abc import Collection, Mapping
from typing import Any

from optfarm_tasks.description import Shape
from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.formats.raw import MAIN
from optfarm_tasks.frameworks.imports import line_of
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph

_UPSAMPLING = frozenset({"ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic"})

PROBE = 37
"""Stands for a batch that varies while shapes are inferred; a size that models rarely have."""

_HINTS = ("_output_shapes", "output_shapes")
"""Attributes that repeat what was inferred of the old shapes; those of loops and branches may be left empty."""
_AT_NODE = re.compile(r"\{\{node ([^}]+)\}\}")


def main_signature(graph: MetaGraph) -> Any:
    """The signature that is run."""
    return graph.signature_def[MAIN if MAIN in graph.signature_def else min(graph.signature_def)]


def shapes_of(graph: MetaGraph) -> dict[str, Shape | None]:
    """Input of the main signature → its shape."""
    return {key: _shape(info.tensor_shape) for key, info in sorted(main_signature(graph).inputs.items())}


def set_shapes(graph: MetaGraph, wanted: Mapping[str, Shape], *, refusal: str) -> MetaGraph:
    """Changes, in place, inputs of the main signature and what its outputs' shapes follow from.

    Args:
        graph: a frozen graph; its other signatures keep their shapes.
        wanted: input → its new shape; None for what varies.
        refusal: begins the message where a node does not take it.

    Raises:
        UnsupportedOp: a node has the old shape built in; it is named.
    """
    signature = main_signature(graph)
    places = {giver(signature.inputs[key].name): shape for key, shape in wanted.items()}
    old = _shaped(graph, places)
    before = _inferred(graph, old, refusal=refusal)
    _forget_hints(graph.graph_def)
    for node, factors in _upsampling_factors(before).items():
        taken = _inferred(graph, places, refusal=refusal).get_operation_by_name(node).inputs[0].shape
        _set_upsampling_size(graph.graph_def, node, (factors[0] * taken[1], factors[1] * taken[2]))
    after = _inferred(graph, places, refusal=refusal)
    rows = (_batch(old), _batch(places))
    # A number that is written down may be any axis's; only at the outputs it is surely the batch.
    ends = None if PROBE in rows else {giver(info.name) for info in signature.outputs.values()}
    _refuse_mixed(before, after, rows=rows, names=ends, refusal=refusal)
    inferred = _imported(graph, places)
    for info in (*signature.inputs.values(), *signature.outputs.values()):
        info.tensor_shape.CopyFrom(inferred.get_tensor_by_name(info.name).shape.as_proto())
    return graph


def _shaped(graph: MetaGraph, names: Mapping[str, Shape]) -> dict[str, Shape]:
    """The shapes that placeholders have."""
    nodes = {node.name: node for node in graph.graph_def.node if node.name in names}
    found = {name: _shape(node.attr["shape"].shape) for name, node in nodes.items()}
    return {name: names[name] if shape is None else shape for name, shape in found.items()}


def _inferred(graph: MetaGraph, places: Mapping[str, Shape], *, refusal: str) -> Any:
    """The graph as TensorFlow infers its shapes for a batch of PROBE where it varies."""
    probed = {name: (PROBE if shape[0] is None else shape[0], *shape[1:]) for name, shape in places.items()}
    try:
        return _imported(graph, probed)
    except ValueError as error:
        kinds = {node.name: node.op for node in graph.graph_def.node}
        names = [name for name in _AT_NODE.findall(str(error)) if name in kinds]
        where = f"the node {names[0]} ({kinds[names[0]]}) does not take it" if names else "TensorFlow refuses it"
        raise UnsupportedOp(f"{refusal}: {where}: {line_of(error)}") from error


def _imported(graph: MetaGraph, places: Mapping[str, Shape]) -> Any:
    """The graph in TensorFlow, with the shapes written into its placeholders."""
    import tensorflow as tf

    for node in graph.graph_def.node:
        if node.name in places:
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(places[node.name]).as_proto())
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph.graph_def, name="")
    return imported


def _refuse_mixed(
    before: Any, after: Any, *, rows: tuple[int, int], names: Collection[str] | None, refusal: str
) -> None:
    """Refuses a graph in which a node (of those named, if any) gave a row for each sample, and would not any more."""
    for operation in before.get_operations():
        if names is not None and operation.name not in names:
            continue
        now = after.get_operation_by_name(operation.name)
        for old, new in zip(operation.outputs, now.outputs, strict=True):
            if _rows(old) == rows[0] and _rows(new) not in (rows[1], None):
                raise UnsupportedOp(
                    f"{refusal}: the node {operation.name} ({operation.type}) has a size built in; for a batch of "
                    f"{rows[0]} it gave {old.shape}, and for one of {rows[1]} it would give {new.shape}"
                )


def _batch(places: Mapping[str, Shape]) -> int:
    return next(iter(places.values()))[0] or PROBE


def _rows(tensor: Any) -> int | None:
    return int(tensor.shape[0]) if tensor.shape.rank and tensor.shape[0] is not None else None


def _forget_hints(definition: Any) -> None:
    functions = definition.library.function
    for node in (*definition.node, *(node for function in functions for node in function.node_def)):
        for hint in _HINTS:
            if hint in node.attr:
                node.attr[hint].list.ClearField("shape")
    for function in functions:
        for argument in function.arg_attr.values():
            argument.attr.pop("_output_shapes", None)


def _shape(message: Any) -> Shape | None:
    if message.unknown_rank:
        return None
    return tuple(None if each.size < 0 else each.size for each in message.dim)


def _upsampling_factors(imported: Any) -> dict[str, tuple[int, int]]:
    """Node → how many times higher and wider its image becomes, where its size is known and a multiple.

    tf_keras writes the size of UpSampling2D into the graph as a number, and it has to follow the input.

    Args:
        imported: a tf.Graph with shapes inferred; the nodes come in the order in which they run.
    """
    found = {}
    for operation in imported.get_operations():
        if operation.type not in _UPSAMPLING:
            continue
        taken, given = operation.inputs[0].shape[1:3], operation.outputs[0].shape[1:3]
        if not (taken.is_fully_defined() and given.is_fully_defined()):
            continue
        if not any(new % old for new, old in zip(given, taken, strict=True)):
            found[operation.name] = (given[0] // taken[0], given[1] // taken[1])
    return found


def _set_upsampling_size(definition: Any, name: str, size: tuple[int, int]) -> None:
    """Gives a node a size of its own, in place; others may read the constant that it had."""
    import tensorflow as tf

    (node,) = (each for each in definition.node if each.name == name)
    constant = definition.node.add(name=f"{name}/resized", op="Const")
    constant.attr["dtype"].type = tf.int32.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(size, tf.int32))
    node.input[1] = constant.name
