"""Finds where a model masks attention: numbers near minus infinity, beside which 8 bits have no room for scores.

A mask adds a large negative number (-1e4, -1e9, the least float32) to the scores that a softmax shall pass over. One
range for both would give all scores one integer, and what is left of attention is a mean.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

LARGE = 4.0 * 2**8
"""Past it a step of 8 bits is 4 or more, of which a softmax takes one score for 55 times as likely as the next."""

_SOFTMAX = frozenset({"Softmax", "LogSoftmax"})
_JOINING = frozenset({"Add", "Sub", "Where", "Min", "Max"})
"""Ops by which a mask comes to the scores."""
_BETWEEN = _JOINING | frozenset(
    {
        "Mul",
        "Div",
        "Cast",
        "Identity",
        "Reshape",
        "Expand",
        "Unsqueeze",
        "Squeeze",
        "Slice",
        "Transpose",
        "Concat",
        "Clip",
    }
)
"""Ops that may stand between a product of matrices, or a mask, and the softmax."""


def name_masking(file: Path) -> list[str]:
    """The names of the nodes of an .onnx file that are to stay in float, each of which gets one if it has none."""
    import onnx

    model = onnx.load(file)
    found = masking_nodes(model.graph)
    for number, node in enumerate(found):
        node.name = node.name or f"{node.op_type}/{number}"
    onnx.save(model, file)
    return [node.name for node in found]


def masking_nodes(graph: Any) -> list[Any]:
    """The nodes of an onnx.GraphProto that bring a mask to a softmax, and that softmax."""
    producers = {output: node for node in graph.node for output in node.output}
    large = {tensor.name for tensor in graph.initializer if _is_large(tensor)}
    large |= {node.output[0] for node in graph.node if node.op_type == "Constant" and _is_large_constant(node)}
    found: dict[str, Any] = {}
    for softmax in (node for node in graph.node if node.op_type in _SOFTMAX):
        before = dict(_before(softmax, producers))
        if any(name in large for node, is_joined in before.values() if is_joined for name in node.input):
            found |= {softmax.output[0]: softmax} | {name: node for name, (node, _) in before.items()}
    return list(found.values())


def _before(softmax: Any, producers: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, bool]]]:
    """Value → the node that makes it, and whether it joins or is joined to others; back to what is not of `_BETWEEN`.

    A factor of all scores joins nothing, however large it is.
    """
    names, seen = [(softmax.input[0], False)], set()
    while names:
        name, is_joined = names.pop()
        node = producers.get(name)
        if node is None or name in seen or node.op_type not in _BETWEEN:
            continue
        seen.add(name)
        joins = is_joined or node.op_type in _JOINING
        names += [(each, joins) for each in node.input]
        yield name, (node, joins)


def _is_large_constant(node: Any) -> bool:
    return any(attribute.name == "value" and _is_large(attribute.t) for attribute in node.attribute)


def _is_large(tensor: Any) -> bool:
    """Whether a tensor of floats has a number past LARGE."""
    import numpy as np
    from onnx import numpy_helper

    array = numpy_helper.to_array(tensor)
    return array.size > 0 and np.issubdtype(array.dtype, np.floating) and bool(np.abs(array).max() >= LARGE)
