"""Refuses models of which OpenVINO's tools would change nothing, or make what its CPU plugin does not run."""

from collections.abc import Collection, Iterable
from typing import Any

from optfarm_tasks.errors import NothingToDo, UnsupportedOp

HEAVY = (
    "Convolution", "ConvolutionBackpropData", "GRUSequence", "GroupConvolution", "GroupConvolutionBackpropData",
    "LSTMSequence", "MatMul",
)  # fmt: skip
"""Ops whose weights are what a model consists of, and whose products take its time."""
_DOUBLE = "f64"
_HALF = "f16"
MISCOMPUTED = frozenset({"LSTMSequence"})
"""Ops that NNCF would quantise, and that the kernels for integers compute wrong: NMSE 0.17 to 1.2 where tried."""


def refuse_double(model: Any) -> None:
    """Passes when no product of a model is computed in float64: the CPU plugin runs no int8 beside it.

    Raises:
        UnsupportedOp: one is; it is named.
    """
    for node in _nodes(model):
        if node.get_type_name() in HEAVY and _type(node) == _DOUBLE:
            raise UnsupportedOp(
                f"{node.get_type_name()} ({node.get_friendly_name()}) computes in float64, and only float32 is "
                f"quantised; convert a model that computes in float32"
            )


def refuse_light(model: Any) -> None:
    """Passes when a model has a convolution or product, which is what a narrower type is for.

    Raises:
        NothingToDo: it has none; its ops are named.
    """
    ops = {node.get_type_name() for node in _nodes(model)}
    if ops.isdisjoint(HEAVY):
        raise NothingToDo(f"no op of the model computes in bfloat16: it has {', '.join(sorted(ops)) or 'none'}")


def refuse_whole(written: Any, before: Any) -> None:
    """Passes when more constants of a model that was written are halves than before: scales of integers stay wide.

    Raises:
        NothingToDo: none are; the types of its constants are named.
    """
    if _halves(written) <= _halves(before):
        types = {_type(node) for node in _nodes(written) if node.get_type_name() == "Constant"}
        raise NothingToDo(f"no weight was halved: the model's constants are {', '.join(sorted(types)) or 'none'}")


def _halves(model: Any) -> int:
    return sum(node.get_type_name() == "Constant" and _type(node) == _HALF for node in _nodes(model))


def refuse_same(before: dict[str, int], after: dict[str, int], *, what: str, left: Iterable[str] = ()) -> None:
    """Passes when the nodes of a model were changed.

    Args:
        before: nodes by op.
        after: those of the result.
        what: what was to be done.
        left: what is said of ops that were left out on purpose.

    Raises:
        NothingToDo: they are the same; what the model has is named.
    """
    if before == after:
        there = ", ".join(sorted(set(before) - {"total", "Parameter", "Result"}))
        said = "; ".join([f"its ops are {there or 'none'}", *left])
        raise NothingToDo(f"nothing of the model was {what}: {said}")


def kept_float32(ops: Collection[str]) -> tuple[str, ...]:
    """What is said of the ops of a model that stay in float32 when it is quantised."""
    left = ", ".join(sorted(MISCOMPUTED & set(ops)))
    return (f"{left} stays in float32: OpenVINO's kernels for integers compute it wrong",) if left else ()


def _nodes(model: Any) -> list[Any]:
    """The nodes of a model and of what its loops and branches run."""
    found = list(model.get_ordered_ops())
    for node in found:  # grows as bodies are reached
        for body in _bodies(node):
            found.extend(body.get_ordered_ops())
    return [node for node in found if node.get_type_name() not in ("Parameter", "Result")]


def _bodies(node: Any) -> list[Any]:
    """What a branch or a loop runs."""
    if hasattr(node, "get_then_body"):
        return [node.get_then_body(), node.get_else_body()]
    return [node.get_function()] if hasattr(node, "get_function") else []


def _type(node: Any) -> str:
    return str(node.get_output_element_type(0).get_type_name())
