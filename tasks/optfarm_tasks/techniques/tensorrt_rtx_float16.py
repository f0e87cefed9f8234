"""TensorRT-RTX in float16: an engine that computes in 16 bits wherever ONNX's ops may.

The graph is written in float16 first, with casts at its inputs, its outputs and around ops that take float32 alone.
The engine is built ahead of time for one compute capability (`target`), on a machine with or without a GPU; kernels
are compiled when it is loaded. It runs on GPUs of that compute capability alone, under the version that built it.

When it helps: nearly every model on GPUs with tensor cores: half the memory, and several times the speed.

Traps: a value beyond ±65,504 becomes infinite, which the quality shows; `tensorrt-rtx-bfloat16` has the range of
float32. What takes a weight beyond that stays in float32, with a warning.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.building import Building
from optfarm_tasks.frameworks.tensorrt.precisions import narrow
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt-rtx", is_reduced=True, tolerance_nmse=1e-3)
PARAMS = Building


def run(work: Work, params: Building) -> Done:
    """Writes the graph in float16 and builds it."""
    return narrow(work, params, "float16", builder="tensorrt-rtx")
