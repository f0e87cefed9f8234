"""Grappler, TensorFlow's own optimiser of graphs, run ahead of time on a frozen graph."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.tensorflow import graph_edit
from optfarm_tasks.frameworks.tensorflow.freeze import MetaGraph

TIDY = ("pruning", "constfold", "dependency", "pruning")
"""Takes away Identity nodes and what else only carries values on."""

_CPU = "/job:localhost/replica:0/task:0/device:CPU:0"


def optimise(graph: MetaGraph, passes: Sequence[str], *, cluster: Any = None) -> MetaGraph:
    """Runs passes over a graph in place; what signatures feed and fetch stays as it is.

    Args:
        graph: a frozen graph.
        passes: names of Grappler's optimisers, in order (tensorflow/core/grappler/optimizers/meta_optimizer.cc).
        cluster: the machine to optimise for; this one where it is left out.

    Raises:
        BadModel: Grappler refuses the graph, or a pass fails.
    """
    import tensorflow as tf
    from tensorflow.python.grappler import tf_optimizer

    config = tf.compat.v1.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.optimizers.extend(passes)
    rewrite.min_graph_nodes = -1  # small graphs too
    rewrite.fail_on_optimizer_errors = True
    with blaming(BadModel, f"Grappler cannot run {', '.join(dict.fromkeys(passes))}"):
        # Beside the signatures a list of ends: what is fed must not be folded away either.
        graph.collection_def["train_op"].node_list.value[:] = graph_edit.ends(graph)
        optimised = tf_optimizer.OptimizeGraph(config, graph, verbose=False, cluster=cluster)
    del graph.collection_def["train_op"]
    graph.graph_def.CopyFrom(optimised)
    graph_edit.strip(graph)
    return graph


@contextmanager
def placed_on_cpu(graph: MetaGraph) -> Iterator[None]:
    """Nodes without a device are on the CPU for as long as this lasts: only there does Grappler fuse them for it."""
    placed = {node.name for node in graph_edit.nodes(graph) if node.device == _CPU}
    for node in graph_edit.nodes(graph):
        node.device = node.device or _CPU
    yield
    for node in graph_edit.nodes(graph):
        if node.device == _CPU and node.name not in placed:
            node.device = ""
