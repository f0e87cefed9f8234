"""Reads from a SavedModel's graph in which types it computes and which nodes are its ends, without copying weights."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from optfarm_tasks.formats.raw import text, view
from optfarm_tasks.formats.tensorflow_types import dtype_name
from optfarm_tasks.formats.wire import first, integer, messages

_META_GRAPH, _GRAPH = 2, 2
_NODE, _LIBRARY = 1, 2
_FUNCTION, _FUNCTION_NODE = 1, 3
_NAME, _OP, _INPUT, _ATTRIBUTE = 1, 2, 3, 5
_KEY, _VALUE, _TYPE = 1, 2, 6
_ELEMENT_TYPE = "T"

_HEAVY = ("Conv", "MatMul", "Einsum", "LSTM", "GRU", "CudnnRNN")
_FLOATS = {"float16", "bfloat16", "float32", "float64"}
_ENDS_OF_NOTHING = {"NoOp", "Placeholder", "Const", "VarHandleOp", "ReadVariableOp", "Assert"}


@dataclass(frozen=True)
class Node:
    """A node of a graph."""

    name: str
    op: str
    inputs: tuple[str, ...]
    """As the graph writes them: node, node:output or ^node."""
    dtype: str | None
    """The type of its elements, where it has one."""


def precision(model: Path) -> str:
    """The floating-point types of the ops that take the time: convolutions, products, recurrent cells."""
    nodes = list(_all_nodes(_graph(model)))
    heavy = {node.dtype for node in nodes if node.dtype in _FLOATS and any(part in node.op for part in _HEAVY)}
    found = heavy or {node.dtype for node in nodes if node.dtype in _FLOATS}
    return " and ".join(sorted(str(each) for each in found)) or "no floating point"


def ends(model: Path) -> tuple[str, ...]:
    """The nodes of the outermost graph that nothing consumes."""
    return unconsumed([_node(each) for each in messages(_graph(model), _NODE)])


def unconsumed(nodes: Iterable[Node]) -> tuple[str, ...]:
    """Names of nodes that give something which no node takes, in the order of the graph."""
    nodes = list(nodes)
    taken = {name.removeprefix("^").partition(":")[0] for node in nodes for name in node.inputs}
    return tuple(node.name for node in nodes if node.name not in taken and node.op not in _ENDS_OF_NOTHING)


def _graph(model: Path) -> memoryview:
    return first(first(view(model / "saved_model.pb"), _META_GRAPH), _GRAPH)


def _all_nodes(graph: memoryview) -> Iterator[Node]:
    yield from map(_node, messages(graph, _NODE))
    for function in messages(first(graph, _LIBRARY), _FUNCTION):
        yield from map(_node, messages(function, _FUNCTION_NODE))


def _node(node: memoryview) -> Node:
    dtypes = [
        dtype_name(integer(first(each, _VALUE), _TYPE))
        for each in messages(node, _ATTRIBUTE)
        if text(first(each, _KEY)) == _ELEMENT_TYPE and integer(first(each, _VALUE), _TYPE)
    ]
    return Node(
        name=text(first(node, _NAME)),
        op=text(first(node, _OP)),
        inputs=tuple(text(each) for each in messages(node, _INPUT)),
        dtype=dtypes[0] if dtypes else None,
    )
