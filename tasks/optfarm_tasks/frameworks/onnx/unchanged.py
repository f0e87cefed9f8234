"""Says why a quantiser left a model as it was: it passes over what it does not take without a word."""

from collections.abc import Collection, Iterator
from pathlib import Path

from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.formats.onnx import graph_of
from optfarm_tasks.formats.onnx_graph import Graph, Node
from optfarm_tasks.formats.raw import view

_FLOAT = "float32"
_MATRIX = 2
BY_TENSOR = "weights have one scale a tensor: a product of stacked matrices has no channels"


def reason(file: Path, ops: Collection[str]) -> str:
    """Why none of the ops of an .onnx file was quantised.

    Args:
        file: the model before it was given to the quantiser.
        ops: the types that the quantiser takes; empty where it takes many.
    """
    graph = graph_of(file, view(file))
    outer = [node for node in graph.nodes if not ops or node.op in ops]
    types = sorted({kind for node in outer for kind in _types(node, graph)} - {_FLOAT})
    if types and not any(_FLOAT in _types(node, graph) for node in outer):
        return f"its {_named(outer)} computes in {' and '.join(types)}, and {_FLOAT} alone is quantised"
    inner = sorted({f"{each.op} in the body of {node.op}" for node, each in _within(graph) if each.op in ops})
    if inner and not [node for node in outer if node.op in ops]:
        return f"its {', '.join(inner)} lies where the quantiser does not look"
    return f"it has no {', '.join(ops) or 'op that is quantised'} with constant weights in {_FLOAT}"


def refuse_halves(file: Path, ops: Collection[str]) -> None:
    """Passes when none of the ops of a file computes in float16: what the quantiser makes of it, no engine loads.

    Raises:
        UnsupportedOp: one does; it is named.
    """
    graph = graph_of(file, view(file))
    found = [node for node in graph.nodes if node.op in ops and "float16" in _types(node, graph)]
    if found:
        raise UnsupportedOp(f"{_named(found)} computes in float16, and {_FLOAT} alone is quantised")


def takes_channels(file: Path) -> bool:
    """Whether weights can have a scale per channel; a product of stacked matrices has no axis of channels."""
    import onnx

    model = onnx.load(file, load_external_data=False)
    ranks = {each.name: len(each.dims) for each in model.graph.initializer}
    return not any(ranks.get(node.input[1], 0) > _MATRIX for node in model.graph.node if node.op_type == "MatMul")


def _types(node: Node, graph: Graph) -> set[str]:
    """The floating-point types of what a node takes, as far as the file says them."""
    found = {graph.types.get(name, "") for name in node.inputs}
    return {kind for kind in found if "float" in kind}


def _within(graph: Graph) -> Iterator[tuple[Node, Node]]:
    """Nodes of bodies, each after the node that runs the body."""
    for node in graph.nodes:
        for body in node.bodies:
            yield from ((node, each) for each in body.every_node())


def _named(nodes: list[Node]) -> str:
    return ", ".join(sorted({node.op for node in nodes}))
