"""Compiles the model with XLA when it is first run, one kernel for many ops.

The model is frozen, and the graph of each signature becomes a function that TensorFlow has to compile (jit_compile).
It is compiled anew for each shape of the inputs.

When it helps: GPUs, and models of many element-wise ops, which are fused into few passes over memory.

Traps: on CPUs XLA has no oneDNN kernels: convolutions may take many times as long. The first request of each shape
waits for the compiler. Ops that XLA has no kernel for, such as those on strings, are refused by name (unsupported_op).
"""

from optfarm_tasks.frameworks.tensorflow import compiled, graph_edit
from optfarm_tasks.technique import Done, Params, Work

CARD = graph_edit.card(tolerance_nmse=1e-6)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Wraps the graph into functions to be compiled, and compiles them once to see whether it can be done."""
    return graph_edit.rewrite(work, compiled.compiled)
