"""Stores weights in 8 or 16 bits and turns them back into floats when the model is loaded: size only.

Each large float32 constant becomes int8 numbers with a scale per output channel, or float16 numbers, followed by the
ops that turn them back. The graph computes in float32 as before.

When it helps: a download or a flash image has to shrink to a quarter, and TensorFlow has to run it.

Traps: it is never faster, and slower where TensorFlow does not fold the weights back once but at each call; memory is
not saved. `grappler` with constant_folding after it makes the weights floats again. For speed use a technique that
computes in integers, such as `tflite-int8`.
"""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.formats.graph_def import giver
from optfarm_tasks.frameworks.tensorflow import graph_edit, nodes
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(tolerance_nmse=0.01)

_LAST_STEP = 127
_CHANNELS = {"Conv2DBackpropInput": (2,), "DepthwiseConv2dNative": (2, 3), "Gather": (0,), "GatherV2": (0,)}
"""Op that takes weights → their axes with a scale each, where that is not the last one."""


class PARAMS(Params):
    """What is stored how."""

    dtype: Literal["int8", "float16"] = Field(default="int8", description="how weights are stored")
    min_elements: int = Field(default=1024, ge=2, le=1_000_000_000, description="constants of fewer elements stay")


def run(work: Work, params: PARAMS) -> Done:
    """Replaces the large constants."""
    stored: list[str] = []

    def change(graph: MetaGraph) -> MetaGraph:
        stored.extend(_quantise_all(graph.graph_def, params))
        if not stored:
            raise NothingToDo(f"no float32 constant has {params.min_elements} elements or more")
        return graph

    done = graph_edit.rewrite(work, change)
    return Done(warnings=done.warnings, notes={"constants_quantised": len(stored), **done.notes})


def _quantise_all(definition: Any, params: PARAMS) -> list[str]:
    import tensorflow as tf

    takers = {giver(name): node for node in reversed(definition.node) for name in node.input}
    floats = tf.float32.as_datatype_enum
    names = []
    for node in [
        node for node in definition.node if node.op == "Const" and nodes.attribute(node, "dtype").type == floats
    ]:
        weights = nodes.value(node)
        if weights.size < params.min_elements or not np.isfinite(weights).all():
            continue
        names.append(node.name)
        if params.dtype == "float16":
            _store_halved(definition, node, weights)
        else:
            _store_integers(definition, node, weights, axes=_channels(_taker(node, takers), weights))
    return names


def _taker(node: Any, takers: dict[str, Any]) -> Any:
    """The node that computes with a constant, behind those that only pass it on; None where there is none."""
    taker = takers.get(node.name)
    while taker is not None and taker.op == "Identity":
        taker = takers.get(taker.name)
    return taker


def _channels(taker: Any, weights: NDArray[Any]) -> tuple[int, ...]:
    """The axes along which weights have a scale each."""
    if weights.ndim < 2 or taker is None:  # noqa: PLR2004 (a vector has one scale)
        return ()
    if any(nodes.attribute(taker, key).b for key in ("transpose_b", "adj_y")):
        return (weights.ndim - 2,)
    axes = _CHANNELS.get(taker.op, (weights.ndim - 1,))
    return axes if max(axes) < weights.ndim else (weights.ndim - 1,)


def _store_integers(definition: Any, node: Any, weights: NDArray[Any], *, axes: tuple[int, ...]) -> None:
    over = tuple(axis for axis in range(weights.ndim) if axis not in axes)
    peaks = np.abs(weights).max(axis=over, keepdims=True)
    scales = np.where(peaks > 0, peaks / _LAST_STEP, 1).astype(np.float32)
    steps = np.rint(weights / scales).astype(np.int8)
    name = node.name
    floats = definition.node.add(name=f"{name}/floats")
    nodes.become(floats, "Cast", [nodes.add_constant(definition, f"{name}/int8", steps)], SrcT=np.int8, DstT=np.float32)
    factors = nodes.add_constant(definition, f"{name}/scales", scales)
    nodes.become(node, "Mul", [floats.name, factors], T=np.float32)


def _store_halved(definition: Any, node: Any, weights: NDArray[Any]) -> None:
    limit = np.finfo(np.float16).max
    halves = np.clip(weights, -limit, limit).astype(np.float16)
    stored = nodes.add_constant(definition, f"{node.name}/float16", halves)
    nodes.become(node, "Cast", [stored], SrcT=np.float16, DstT=np.float32)
