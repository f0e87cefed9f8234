"""What the files of a TensorFlow model hold: its GraphDef, the tensors of its signature, the types of its ops."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats import graph_def
from optfarm_tasks.formats.graph_def import Node, giver
from optfarm_tasks.formats.raw import view
from optfarm_tasks.formats.wire import first
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow.functions import name_by_content

_META_GRAPH, _GRAPH = 2, 2
_ELEMENT_TYPE = "T"

_HEAVY = ("Conv", "MatMul", "Einsum", "LSTM", "GRU", "CudnnRNN")
_FLOATS = {"float16", "bfloat16", "float32", "float64"}


def definition(folder: Path) -> Any:
    """The GraphDef in a model's folder, its functions under names that no other graph has.

    Raises:
        BadModel: TensorFlow cannot read it.
    """
    import tensorflow as tf

    with blaming(BadModel, "TensorFlow cannot read the frozen graph"):
        found = tf.compat.v1.GraphDef.FromString(formats.file_of(folder).read_bytes())
    name_by_content(found)
    return found


def tensors(graph: Any, signature: Signature) -> tuple[dict[str, Any], dict[str, Any]]:
    """Inputs and outputs by name, as tensors of a tf.Graph that holds the nodes under their own names.

    Raises:
        UnsupportedOp: an end gives outputs that the file does not name.
    """
    named = Counter(giver(each.name) for each in signature.outputs)
    for name, count in named.items():
        operation = graph.get_operation_by_name(name)
        if len(operation.outputs) != count:
            raise UnsupportedOp(
                f"the node {name} ({operation.type}) gives {len(operation.outputs)} outputs where its file tells of "
                f"{count}; end the graph with an Identity for each output"
            )
    inputs = {each.name: graph.get_tensor_by_name(f"{each.name}:0") for each in signature.inputs}
    outputs = {each.name: graph.get_tensor_by_name(_tensor(each.name)) for each in signature.outputs}
    return inputs, outputs


def precision(model: Path) -> str:
    """The floating-point types of the ops that take the time: convolutions, products, recurrent cells."""
    kinds = [(node.op, node.type(_ELEMENT_TYPE)) for node in _all_nodes(_graph(model))]
    heavy = {kind for op, kind in kinds if kind in _FLOATS and any(part in op for part in _HEAVY)}
    found = heavy or {kind for _, kind in kinds if kind in _FLOATS}
    return " and ".join(sorted(str(each) for each in found)) or "no floating point"


def ends(model: Path) -> tuple[str, ...]:
    """The nodes of the outermost graph that nothing consumes."""
    return tuple(node.name for node in graph_def.unconsumed(graph_def.nodes(_graph(model))))


def _tensor(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _graph(model: Path) -> memoryview:
    if formats.detect(model) is Format.FROZEN_GRAPH:
        return view(formats.file_of(model))
    return first(first(view(model / "saved_model.pb"), _META_GRAPH), _GRAPH)


def _all_nodes(graph: memoryview) -> Iterator[Node]:
    yield from graph_def.nodes(graph)
    yield from graph_def.function_nodes(graph)
