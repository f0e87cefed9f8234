"""Freezes the model into a single GraphDef file (.pb), as TensorFlow 1 and many tools take it.

Placeholders get the names of the inputs, and Identity nodes those of the outputs, so that the names of the signature
stay although a .pb has no signature.

When it helps: runtimes and tools that read frozen graphs; a single file to ship.

Traps: a .pb has one way to be called, so other signatures are left out, with a warning. An output that has the name of
an input, or a name that no node may have, is refused (unsupported_op). What `freeze` says of states and sizes holds
too.
"""

from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.tensorflow import graph_edit
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(yields=dict.fromkeys(graph_edit.ACCEPTS, Format.FROZEN_GRAPH), tolerance_nmse=1e-10)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Freezes, and stores the graph of the signature that is run."""
    graph, warnings = graph_edit.frozen(work)
    others = graph_edit.keep_main(graph)
    work.on_progress("writing", 0.9)
    graph_edit.write(graph, work.output, Format.FROZEN_GRAPH)
    left_out = (f"signatures left out, for a .pb has one: {', '.join(others)}",) if others else ()
    return Done(warnings=(*warnings, *left_out), notes={"nodes": graph_edit.node_counts(graph)})
