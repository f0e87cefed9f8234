"""Prints in which types ONNX Runtime computes a model: python -m … .onnx.precision FILE LEVEL PROVIDERS (as JSON).

The engine fuses and replaces nodes when it loads a file, and inserts casts where it has no kernel. So it is asked to
store the graph that it ended up with, and that one is read.
"""

import json
import sys
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from optfarm_tasks import instruction_sets
from optfarm_tasks.formats.onnx import graph_of
from optfarm_tasks.formats.onnx_graph import Graph, Node
from optfarm_tasks.formats.raw import view
from optfarm_tasks.frameworks.onnx import placement

ALL = "ORT_ENABLE_ALL"
LEVELS = (ALL, "ORT_ENABLE_BASIC", "ORT_DISABLE_ALL")
"""How far the engine changes a graph: by fused kernels, by what folds and drops nodes, not at all."""

_FLOAT_OPS = """
Conv FusedConv ConvTranspose MatMul FusedMatMul Gemm FusedGemm LSTM GRU RNN Attention Einsum
"""
_INTEGER_OPS = """
QLinearConv QLinearMatMul QGemm ConvInteger MatMulInteger MatMulIntegerToFloat DynamicQuantizeMatMul
DynamicQuantizeLSTM QAttention
"""
_HEAVY, _INTEGER = frozenset(_FLOAT_OPS.split()), frozenset(_INTEGER_OPS.split())
"""Ops that take the time, in whatever domain; the second input of one that computes in floats holds its weights."""
_NOT_WORK = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "Cast", "Constant", "Shape"})
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


def options_for(threads: int, level: str = ALL) -> Any:
    """A session's settings: optimisations of a level, one op at a time, so many threads in it (0: as many as cores).

    Where integer kernels overflow, those that do not are asked for.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
    if instruction_sets.overflow(instruction_sets.here()):
        # Slower, and where products of bytes are summed in 32 bits it would slow that down for nothing.
        options.add_session_config_entry("session.x64quantprecision", "1")
    # Threads that wait for the next request by spinning would take the cores from whatever runs between requests.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    return options


def precision_of(graph: Graph) -> str:
    """In which types a graph's convolutions and products compute, or all its ops if it has none."""
    nodes = [node for node in graph.every_node() if _plain(node) not in _NOT_WORK]
    kinds = {kind for node in nodes if (kind := _kind(node, graph))}
    elsewhere = _types((node for node in nodes if not _kind(node, graph)), graph)
    is_integer = kinds == {"int8"}
    rest = {f"{each} elsewhere" for each in elsewhere} if is_integer else set()
    return "; ".join([*sorted(kinds or elsewhere), *sorted(rest)]) or "no floating point"


def _kind(node: Node, graph: Graph) -> str | None:
    """The types in which a heavy node computes; None of a light one."""
    op = _plain(node)
    if op in _INTEGER:
        return "int8"
    if op not in _HEAVY or not node.outputs:
        return None
    computed = graph.types.get(node.outputs[0], "float32")
    stored = _stored(node.inputs[1:2], graph)
    return computed if stored in (None, computed) else f"{stored} weights, {computed} activations"


def _stored(weights: Iterable[str], graph: Graph) -> str | None:
    """The type in which weights are kept that are turned into another at each request."""
    turned = {node.outputs[0]: node.inputs[0] for node in graph.nodes if _plain(node) in ("DequantizeLinear", "Cast")}
    constants = {each.name: each.dtype for each in graph.constants}
    return next((constants.get(turned.get(name, "")) for name in weights), None)


def _types(nodes: Iterable[Node], graph: Graph) -> set[str]:
    given = {graph.types.get(name) for node in nodes for name in node.outputs}
    return {each for each in given if each in _FLOATS}


def _kernels(precision: str, sets: Collection[str]) -> str:
    """Says that slower kernels were asked for because the fast ones overflow."""
    return "; exact kernels" if "int8" in precision and instruction_sets.overflow(sets) else ""


def _plain(node: Node) -> str:
    return node.op.rpartition(".")[2]


def main(file: Path, level: str, providers: placement.Providers) -> None:
    """Prints the precision of a file that is loaded with optimisations of a level, and what does not run on the GPU."""
    import onnxruntime

    options = options_for(0, level)
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder, "engine.onnx")
        options.optimized_model_filepath = str(stored)
        options.add_session_config_entry("session.optimized_model_external_initializers_file_name", "engine.bin")
        placement.record(options)
        session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        found = precision_of(graph_of(stored, view(stored)))
        elsewhere = "" if providers == [placement.CPU_PROVIDER] else placement.placed(session)
        fewer = "" if level == ALL else "; fewer optimisations, for the engine fails with all"
        kernels = _kernels(found, instruction_sets.here()) if elsewhere or providers == [placement.CPU_PROVIDER] else ""
        sys.stdout.write(f"{found}{kernels}{fewer}{elsewhere and f'; {elsewhere}'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))
