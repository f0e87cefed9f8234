"""Folds batch norms into the weights of the convolutions before them.

A batch norm after training is a factor and an offset per channel. The factor goes into the weights, the offset becomes
a bias; a bias between the two is folded too. Numbers differ by rounding.

When it helps: convolutional networks with batch norms in runtimes that do not fold them by themselves; a step before
quantisation of weights.

Traps: TensorFlow fuses a convolution with its batch norm when it runs on CPUs, so the gain there is a few percent. A
batch norm stays where the convolution's output is used elsewhere too, or where something else comes before it; the
warnings name it.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.frameworks.tensorflow import graph_edit, grappler, nodes
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(tolerance_nmse=1e-8)
PARAMS = Params

_NORMS = frozenset({"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"})
_WEIGHTS_AXES = {"Conv2D": (3,), "DepthwiseConv2dNative": (2, 3), "Conv2DBackpropInput": (2,)}
"""Op → the axes of its weights that are the output's channels; the weights are its input 1."""
_SUMS = frozenset({"BiasAdd", "Add", "AddV2"})
_TOLD = 5


class _Stays(Exception):
    """Why a batch norm cannot be folded."""


@dataclass(frozen=True)
class _Found:
    """A batch norm and what comes before it."""

    norm: Any
    convolution: Any
    bias: NDArray[Any]
    """Per channel, or one zero."""


def run(work: Work, _: Params) -> Done:
    """Folds every batch norm that can be folded."""
    warnings: list[str] = []
    counts: Counter[str] = Counter()

    def change(graph: MetaGraph) -> MetaGraph:
        # Between convolutions and batch norms stand Identity nodes, which would hide the one from the other.
        tidy = grappler.optimise(graph, grappler.TIDY)
        norms = [node for node in tidy.graph_def.node if node.op in _NORMS]
        reasons = list(_fold_all(tidy, norms))
        counts.update(found=len(norms), folded=len(norms) - len(reasons))
        if len(reasons) == len(norms):
            raise NothingToDo(_staying(reasons, found=len(norms)) if norms else "the graph has no batch norm")
        if reasons:
            warnings.append(_staying(reasons, found=len(norms)))
        graph_edit.strip(tidy)
        return tidy

    done = graph_edit.rewrite(work, change)
    notes = {"batch_norms": counts["found"], "batch_norms_folded": counts["folded"], **done.notes}
    return Done(warnings=(*done.warnings, *warnings), notes=notes)


def _staying(reasons: list[str], *, found: int) -> str:
    more = f" and {len(reasons) - _TOLD} more" if len(reasons) > _TOLD else ""
    return f"{len(reasons)} of {found} batch norms stay: {'; '.join(reasons[:_TOLD])}{more}"


def _fold_all(graph: MetaGraph, norms: list[Any]) -> Iterator[str]:
    """Folds what can be folded, and gives for the rest the reason."""
    by_name = {node.name: node for node in graph.graph_def.node}
    uses = Counter(giver(name) for node in by_name.values() for name in node.input)
    uses.update(graph_edit.ends(graph))
    for norm in norms:
        try:
            _fold(graph.graph_def, _found(norm, by_name, uses), by_name)
        except _Stays as reason:
            yield f"{norm.name} ({reason})"


def _found(norm: Any, by_name: dict[str, Any], uses: Counter[str]) -> _Found:
    if nodes.attribute(norm, "is_training").b:
        raise _Stays("it computes its statistics anew")
    if any(name.startswith(f"{norm.name}:") for node in by_name.values() for name in node.input):
        raise _Stays("its statistics are used")
    before, bias = by_name[giver(norm.input[0])], np.zeros(1)
    if before.op in _SUMS and before.op not in _WEIGHTS_AXES:
        _check_single(before, uses)
        before, bias = _parts_of_sum(before, by_name, layout=_layout(norm))
    if before.op not in _WEIGHTS_AXES:
        raise _Stays(f"before it comes {before.op} ({before.name})")
    _check_single(before, uses)
    return _Found(norm, before, bias)


def _check_single(node: Any, uses: Counter[str]) -> None:
    if uses[node.name] > 1:
        raise _Stays(f"{node.op} ({node.name}) before it is used elsewhere too")


def _parts_of_sum(node: Any, by_name: dict[str, Any], *, layout: bytes) -> tuple[Any, NDArray[Any]]:
    first, second = (by_name[giver(name)] for name in node.input[:2])
    if first.op == "Const":
        first, second = second, first
    bias = _constant(second, what="bias")
    # A BiasAdd goes along the channels wherever they are; other sums align what they add with the last axes.
    axis = -3 if layout == b"NCHW" and node.op != "BiasAdd" else -1
    is_of_channels = bias.size == 1 or (bias.ndim >= -axis and bias.shape[axis] == bias.size)
    if not is_of_channels or (node.op == "BiasAdd" and _layout(node) != layout):
        raise _Stays(f"what {node.op} ({node.name}) before it adds is not one number per channel")
    return first, bias.reshape(-1)


def _layout(node: Any) -> bytes:
    """The data format of a node; TensorFlow's default where it does not say it."""
    return bytes(nodes.attribute(node, "data_format").s or b"NHWC")


def _constant(node: Any, *, what: str) -> NDArray[Any]:
    if node.op != "Const":
        raise _Stays(f"its {what} is no constant but {node.op} ({node.name})")
    return nodes.value(node).astype(np.float64)


def _fold(definition: Any, found: _Found, by_name: dict[str, Any]) -> None:
    norm, convolution = found.norm, found.convolution
    names = ("scale", "offset", "mean", "variance")
    given = (by_name[giver(name)] for name in norm.input[1:5])
    scale, offset, mean, variance = (_constant(node, what=name) for node, name in zip(given, names, strict=True))
    weights_node = by_name[giver(convolution.input[1])]
    weights = _constant(weights_node, what="convolution's weights")
    factor = scale / np.sqrt(variance + nodes.attribute(norm, "epsilon").f)
    axes = _WEIGHTS_AXES[convolution.op]
    along = [size if axis in axes else 1 for axis, size in enumerate(weights.shape)]
    dtype = nodes.value(weights_node).dtype
    folded = (weights * factor.reshape(along)).astype(dtype)
    # New constants, for another convolution may use the old ones.
    convolution.input[1] = nodes.add_constant(definition, f"{norm.name}/weights", folded)
    bias = (offset + (found.bias - mean) * factor).astype(dtype)
    _become_bias(norm, convolution, nodes.add_constant(definition, f"{norm.name}/bias", bias))


def _become_bias(norm: Any, convolution: Any, bias: str) -> None:
    layout = _layout(norm)
    kind = nodes.attribute(norm, "T").type
    nodes.become(norm, "BiasAdd", [convolution.name, bias])
    norm.attr["T"].type = kind
    norm.attr["data_format"].s = layout
