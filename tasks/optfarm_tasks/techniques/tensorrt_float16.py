"""TensorRT in float16: an engine that computes in 16 bits wherever ONNX's ops may.

The graph is written in float16 first, with casts at its inputs, its outputs and around ops that take float32 alone.
Kernels are timed against each other on the GPU that the engine is built on. It runs on GPUs of that name alone, under
the version that built it.

When it helps: nearly every model on GPUs with tensor cores: half the memory, and several times the speed.

Traps: a value beyond ±65,504 becomes infinite, which the quality shows; `tensorrt-bfloat16` has the range of float32.
What takes a weight beyond that stays in float32, with a warning.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.building import Building
from optfarm_tasks.frameworks.tensorrt.precisions import narrow
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt", is_reduced=True, tolerance_nmse=1e-3)
PARAMS = Building


def run(work: Work, params: Building) -> Done:
    """Writes the graph in float16 and builds it."""
    return narrow(work, params, "float16", builder="tensorrt")
