"""TensorRT-RTX in bfloat16: an engine that computes in 16 bits with the range of float32.

The graph is written in bfloat16 first, with casts at its inputs, its outputs and around ops that take float32 alone.
The engine is built ahead of time for one compute capability (`target`), on a machine with or without a GPU; kernels
are compiled when it is loaded. It runs on GPUs of that compute capability alone, under the version that built it.

When it helps: models whose activations overflow in float16, on GPUs since compute capability 8.0.

Traps: 8 bits of precision: regression loses more than in float16. Older GPUs are refused.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.building import Building
from optfarm_tasks.frameworks.tensorrt.precisions import narrow
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt-rtx", is_reduced=True, tolerance_nmse=1e-2)
PARAMS = Building


def run(work: Work, params: Building) -> Done:
    """Writes the graph in bfloat16 and builds it."""
    return narrow(work, params, "bfloat16", builder="tensorrt-rtx")
