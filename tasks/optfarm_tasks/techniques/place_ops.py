"""Pins nodes of a TensorFlow graph to a device, chosen by name or op type.

Nodes whose name or op type matches a regular expression get the device written into the graph and its functions.
Nothing is frozen: variables, assets and signatures stay as they are. The notes list the nodes moved.

When it helps: detectors on a GPU whose NonMaxSuppression runs faster on the CPU; ops that a GPU only slows down by
copies of small tensors; two parts of a model on two GPUs.

Traps: every edge between devices is a copy, so a node moved alone may cost more than it saves. Where the device is
absent, TensorFlow places the node elsewhere without a word. Converters (TFLite, ONNX, OpenVINO) ignore devices.
"""

import difflib
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import Field

from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import graph_edit, graph_file
from optfarm_tasks.technique import Done, Params, Pattern, Work

CARD = graph_edit.card(tolerance_nmse=1e-10)

_SAVED = "saved_model.pb"
_FINGERPRINT = "fingerprint.pb"
"""Hashes of the graph as it was, which no reader asks for."""
_NEAR, _LIKE = 5, 0.4


class PARAMS(Params):
    """Which nodes go where."""

    match: Pattern = Field(
        default=re.compile("NonMaxSuppression"), description="searched in each node's name and op type"
    )
    device: str = Field(default="cpu", pattern="^[cg]pu(:[0-9]{1,2})?$", description="cpu, gpu or gpu:1")


def run(work: Work, params: PARAMS) -> Done:
    """Writes the devices into the graph."""
    if work.format is Format.FROZEN_GRAPH:
        definition = graph_file.definition(work.model)
        moved = _moved([definition], params)
        (work.output / "model.pb").write_bytes(definition.SerializeToString(deterministic=True))
        return _done(moved, params)
    with graph_edit.saved_model(work) as (source, warnings):
        shutil.copytree(source, work.output, dirs_exist_ok=True)
    return _done(_edited(work, params), params, warnings)


def _edited(work: Work, params: PARAMS) -> dict[str, str]:
    from tensorflow.core.protobuf import saved_model_pb2

    file = work.output / _SAVED
    with blaming(BadModel, "TensorFlow cannot read the SavedModel"):
        model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    moved = _moved([each.graph_def for each in model.meta_graphs], params)
    # A file that is linked to the input's is replaced, never written into.
    file.unlink()
    file.write_bytes(model.SerializeToString(deterministic=True))
    (work.output / _FINGERPRINT).unlink(missing_ok=True)
    return moved


def _moved(graphs: Iterable[Any], params: PARAMS) -> dict[str, str]:
    """Sets the device of nodes that match; node → op, a function's nodes under its name.

    Raises:
        NothingToDo: nothing matches.
    """
    nodes = [pair for graph in graphs for pair in _nodes(graph)]
    matching = [(name, node) for name, node in nodes if params.match.search(node.name) or params.match.search(node.op)]
    if not matching:
        raise NothingToDo(_nothing(params.match.pattern, Counter(node.op for _, node in nodes)))
    for _, node in matching:
        node.device = _device(params.device)
    return {name: node.op for name, node in matching}


def _nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    for node in graph.node:
        yield node.name, node
    for function in graph.library.function:
        for node in function.node_def:
            yield f"{function.signature.name}/{node.name}", node


def _nothing(pattern: str, ops: Counter[str]) -> str:
    by_lower = {op.lower(): op for op in ops}
    near = difflib.get_close_matches(pattern.lower(), by_lower, n=_NEAR, cutoff=_LIKE)
    there = [by_lower[each] for each in near] or [op for op, _ in ops.most_common(_NEAR)]
    kind = "the nearest op types are" if near else "none is like it; the most frequent op types are"
    return f"no node's name or op matches {pattern!r}; {kind} {', '.join(there)}"


def _device(name: str) -> str:
    """/device:CPU:0 of cpu."""
    kind, _, index = name.partition(":")
    return f"/device:{kind.upper()}:{index or 0}"


def _done(moved: dict[str, str], params: PARAMS, warnings: tuple[str, ...] = ()) -> Done:
    return Done(warnings=warnings, notes={"device": _device(params.device), "moved": moved})
