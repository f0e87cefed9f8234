"""Reads a frozen GraphDef (.pb): its placeholders are the inputs, the nodes that no node takes are the outputs.

Names are those of nodes, without ":0"; further outputs of one node are named node:1, node:2 …
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from optfarm_tasks.description import Format, ModelDescription, Shape, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import graph_def
from optfarm_tasks.formats.graph_def import Node
from optfarm_tasks.formats.graph_outputs import UNKNOWN, output_types
from optfarm_tasks.formats.raw import MAIN, Malformed, view
from optfarm_tasks.formats.wire import fields

OUTSIDE = frozenset(
    {"HashTable", "HashTableV2", "IteratorV2", "MutableHashTable", "MutableHashTableV2", "VarHandleOp", "Variable"}
    | {"VariableV2", "LookupTableImport", "AnonymousHashTable", "BoostedTreesEnsembleResourceHandleOp"}
)
"""Ops whose contents lie outside the graph, in a checkpoint or an asset."""

_NAME = re.compile(r"[A-Za-z0-9.][\w.\\/>-]*", re.ASCII)
_OP = re.compile(r"[\w.>/-]+", re.ASCII)
_SCALARS_SINCE = 24
"""Graphs of older producers write [] for a placeholder of unknown shape (tensorflow/core/public/version.h)."""


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """A frozen graph as its file describes it.

    Raises:
        BadModel: it is something else, is not frozen, or nothing can be fed or fetched.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    data = view(path)
    _check_kind(data, path)
    nodes = tuple(graph_def.nodes(data))
    within = tuple(graph_def.function_nodes(data))
    _check_nodes(nodes)
    _check_frozen((*nodes, *within), path)
    return ModelDescription(
        format=Format.FROZEN_GRAPH,
        signatures=(_signature(nodes, path, producer=graph_def.producer(data)),),
        size_bytes=size_bytes,
        parameters=sum(_elements(node) for node in (*nodes, *within) if node.op == "Const"),
        ops=dict(Counter(node.op for node in (*nodes, *within)).most_common()),
    )


def _check_kind(data: memoryview, path: Path) -> None:
    for number, value in fields(data):
        if number == graph_def.NODE and isinstance(value, int):
            raise BadModel(
                f"{path} is no frozen GraphDef: it begins with a number, as a SavedModel's saved_model.pb or an ONNX "
                f"file does; name it saved_model.pb or .onnx"
            )
        if number not in graph_def.FIELDS:
            raise BadModel(f"{path} is no frozen GraphDef: it has a field {number}, and a GraphDef has 1 to 5")
    try:
        _check_nodes([next(graph_def.nodes(data))], are_whole=False)
    except StopIteration:
        raise BadModel(f"{path} is no frozen GraphDef: it has no node") from None
    except Malformed as error:
        fault = str(error).removeprefix("it is damaged: ")
        raise BadModel(f"{path} is no frozen GraphDef but another protocol buffer, or damaged: {fault}") from error


def _check_nodes(nodes: Sequence[Node], *, are_whole: bool = True) -> None:
    """What TensorFlow wants of nodes: proper names, each once, that take what is there."""
    for node in nodes:
        if not _NAME.fullmatch(node.name) or not _OP.fullmatch(node.op):
            raise Malformed(f"it is damaged: a node has the name {node.name[:60]!r} and the op {node.op[:60]!r}")
    names = Counter(node.name for node in nodes)
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise Malformed(f"it is damaged: {names[twice[0]]} nodes have the name {twice[0]}")
    missing = [(each, node) for node in nodes for each in node.inputs if graph_def.giver(each) not in names]
    if are_whole and missing:
        name, node = missing[0]
        raise Malformed(f"it is truncated or damaged: the node {node.name} takes {name}, which is not there")


def _check_frozen(nodes: Sequence[Node], path: Path) -> None:
    outside = [node for node in nodes if node.op in OUTSIDE]
    if outside:
        names = ", ".join(f"{node.name} ({node.op})" for node in outside[:3]) + (" …" if len(outside) > 3 else "")  # noqa: PLR2004 (a line)
        raise BadModel(
            f"{path} is not frozen: what is in {names} lies outside the graph; turn variables into constants "
            f"(freeze_graph), or hand in the SavedModel"
        )


def _signature(nodes: Sequence[Node], path: Path, *, producer: int) -> Signature:
    inputs = _inputs(nodes, "Placeholder", producer=producer)
    ends = sorted(graph_def.unconsumed(nodes), key=lambda node: node.name)
    outputs = tuple(tensor for node in ends for tensor in _outputs(node))
    if not inputs:
        raise BadModel(f"{path} has no Placeholder, so it takes no input; freeze the graph with its inputs")
    if not outputs:
        raise BadModel(f"{path} has no output: every node is taken by another; freeze the graph with an Identity last")
    return Signature(
        name=MAIN, inputs=inputs, outputs=outputs, optional=_inputs(nodes, "PlaceholderWithDefault", producer=producer)
    )


def _inputs(nodes: Sequence[Node], op: str, *, producer: int) -> tuple[Tensor, ...]:
    return tuple(
        Tensor(name=node.name, dtype=node.type("dtype") or UNKNOWN, shape=_shape(node, producer))
        for node in sorted(nodes, key=lambda node: node.name)
        if node.op == op
    )


def _shape(node: Node, producer: int) -> Shape | None:
    shape = node.shape("shape")
    return None if shape == () and producer < _SCALARS_SINCE else shape


def _outputs(node: Node) -> Iterator[Tensor]:
    types = output_types(node)
    shapes = node.shapes("_output_shapes")
    for index, dtype in enumerate(types):
        name = node.name if index == 0 else f"{node.name}:{index}"
        yield Tensor(name=name, dtype=dtype, shape=shapes[index] if len(shapes) == len(types) else None)


def _elements(node: Node) -> int:
    shape = node.tensor_shape("value")
    if shape is None or None in shape:
        raise Malformed(f"it is damaged: the constant {node.name} has no full shape")
    return math.prod(size for size in shape if size is not None)
