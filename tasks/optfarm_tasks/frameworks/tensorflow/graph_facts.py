"""Reads from a TensorFlow graph in which types it computes and which nodes are its ends, without copying weights."""

from collections.abc import Iterator
from pathlib import Path

from optfarm_tasks import formats
from optfarm_tasks.description import Format
from optfarm_tasks.formats import graph_def
from optfarm_tasks.formats.graph_def import Node
from optfarm_tasks.formats.raw import view
from optfarm_tasks.formats.wire import first

_META_GRAPH, _GRAPH = 2, 2
_ELEMENT_TYPE = "T"

_HEAVY = ("Conv", "MatMul", "Einsum", "LSTM", "GRU", "CudnnRNN")
_FLOATS = {"float16", "bfloat16", "float32", "float64"}


def precision(model: Path) -> str:
    """The floating-point types of the ops that take the time: convolutions, products, recurrent cells."""
    kinds = [(node.op, node.type(_ELEMENT_TYPE)) for node in _all_nodes(_graph(model))]
    heavy = {kind for op, kind in kinds if kind in _FLOATS and any(part in op for part in _HEAVY)}
    found = heavy or {kind for _, kind in kinds if kind in _FLOATS}
    return " and ".join(sorted(str(each) for each in found)) or "no floating point"


def ends(model: Path) -> tuple[str, ...]:
    """The nodes of the outermost graph that nothing consumes."""
    return tuple(node.name for node in graph_def.unconsumed(graph_def.nodes(_graph(model))))


def _graph(model: Path) -> memoryview:
    if formats.detect(model) is Format.FROZEN_GRAPH:
        return view(formats.file_of(model))
    return first(first(view(model / "saved_model.pb"), _META_GRAPH), _GRAPH)


def _all_nodes(graph: memoryview) -> Iterator[Node]:
    yield from graph_def.nodes(graph)
    yield from graph_def.function_nodes(graph)
