"""Freezes the model: variables become constants of one graph, stored as a SavedModel.

Calls of functions are replaced by their nodes, and nodes that no signature needs are left out. All signatures stay,
with the names of their inputs and outputs; constants that several of them use are stored once. A frozen graph (.pb)
becomes a SavedModel with the same graph.

When it helps: calls with small work per node, because nothing looks up variables any more; and before tools that only
take constants.

Traps: the model cannot be trained further. Tables and states that change at each call cannot be frozen and are refused
by name (unsupported_op). A graph over 2 GB cannot be stored (bad_model).
"""

from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.tensorflow import graph_edit
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(yields=dict.fromkeys(graph_edit.ACCEPTS, Format.SAVED_MODEL), tolerance_nmse=1e-10)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Freezes, and stores the graph as a SavedModel."""
    graph, warnings = graph_edit.frozen(work)
    work.on_progress("writing", 0.9)
    graph_edit.write(graph, work.output, Format.SAVED_MODEL)
    return Done(warnings=warnings, notes={"nodes": graph_edit.node_counts(graph)})
