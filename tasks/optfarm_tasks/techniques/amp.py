"""Automatic mixed precision: Grappler computes convolutions and products in 16 bits, the rest in 32.

The model is frozen, and Grappler turns nodes to bfloat16 or float16 where that is safe, with casts between. Weights
that only such nodes take are stored in 16 bits. The notes say how many nodes were converted; inputs and outputs stay
float32.

When it helps: bfloat16 on CPUs with AVX512-BF16 or AMX, most for dense layers that wait for weights from memory;
float16 on GPUs with tensor cores.

Traps: small convolutions may become slower by the casts. On a CPU without bfloat16 instructions Grappler converts
nothing, and the technique is skipped. float16 is for GPUs: on a CPU it is slow. bfloat16 keeps 8 bits of precision.
"""

from typing import Any, Literal

from pydantic import Field

from optfarm_tasks.errors import NothingToDo
from optfarm_tasks.frameworks.tensorflow import graph_edit, grappler, nodes
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(is_reduced=True, tolerance_nmse=1e-3)

_PASSES = {"bfloat16": "auto_mixed_precision_onednn_bfloat16", "float16": "auto_mixed_precision"}
_ARCHITECTURE = "8.0"
"""Compute capability of the GPU that float16 is meant for: Grappler asks for 7.0 or more."""


class PARAMS(Params):
    """The type."""

    dtype: Literal["bfloat16", "float16"] = Field(
        default="bfloat16", description="what nodes are converted to: bfloat16 for CPUs, float16 for GPUs"
    )


def run(work: Work, params: PARAMS) -> Done:
    """Converts what Grappler holds to be safe."""
    counts: list[int] = []

    def change(graph: MetaGraph) -> MetaGraph:
        tidy = grappler.optimise(graph, grappler.TIDY)
        before = _typed(tidy, "float32")
        if not _hindrance(tidy):
            passes = (_PASSES[params.dtype], *grappler.TIDY)
            grappler.optimise(tidy, passes, cluster=_gpu() if params.dtype == "float16" else None)
        counts.extend((len(before & _typed(tidy, params.dtype)), len(before)))
        if not counts[0]:
            why = _hindrance(tidy) or _absence(params.dtype)
            raise NothingToDo(f"no node was converted to {params.dtype}: {why}")
        return tidy

    done = graph_edit.rewrite(work, change)
    converted, total = counts
    notes = {"converted": f"{converted} of {total} nodes", **done.notes}
    return Done(warnings=done.warnings, notes=notes)


def _hindrance(graph: MetaGraph) -> str | None:
    """Why Grappler must not convert a graph, if it must not."""
    lists = [node for node in graph_edit.nodes(graph) if node.op.startswith("TensorList")]
    if not lists or not graph.graph_def.library.function:
        return None
    # It looks at one function at a time, and would give a list one type outside a loop and another within.
    return f"a loop passes a list of tensors on ({lists[0].op}, {lists[0].name}), whose type cannot be changed"


def _typed(graph: MetaGraph, dtype: str) -> set[tuple[str, str]]:
    """Function and name of the nodes that compute in a type; the outermost graph has no name."""
    import tensorflow as tf

    number = tf.as_dtype(dtype).as_datatype_enum
    functions = {each.signature.name: each.node_def for each in graph.graph_def.library.function}
    return {
        (function, node.name)
        for function, body in {"": graph.graph_def.node, **functions}.items()
        for node in body
        if nodes.attribute(node, "T").type == number
    }


def _gpu() -> Any:
    """A machine with a GPU, as Grappler sees it; none has to be here."""
    from tensorflow.core.protobuf import device_properties_pb2
    from tensorflow.python.grappler import cluster

    device = device_properties_pb2.NamedDevice(name="/job:localhost/replica:0/task:0/device:GPU:0")
    device.properties.type = "GPU"
    device.properties.environment["architecture"] = _ARCHITECTURE
    return cluster.Cluster(devices=[device])


def _absence(dtype: str) -> str:
    """Why Grappler may have found nothing to convert."""
    if dtype == "float16":
        return "this TensorFlow knows no GPU kernel for its ops; convert it on a toolchain with GPU support"
    return "this CPU has no instructions for bfloat16, or the graph has no convolution or product in float32"
