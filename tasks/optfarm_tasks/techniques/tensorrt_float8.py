"""TensorRT in float8: products in 8 bits with an exponent (E4M3), by ranges of samples.

As `tensorrt-int8`, but what is multiplied rounds to float8: 3 bits of mantissa, and a range that outliers hurt less.
Kernels are timed against each other on the GPU that the engine is built on. It runs on GPUs of that name alone, under
the version that built it.

When it helps: transformers, on GPUs since compute capability 8.9.

Traps: older GPUs are refused. Convolutions lose more than in int8.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.precisions import Quantised, quantised
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt", needs_calibration=True, is_reduced=True, tolerance_nmse=0.05)
PARAMS = Quantised


def run(work: Work, params: Quantised) -> Done:
    """Watches ranges, writes them into the graph, and builds it."""
    return quantised(work, params, "float8", builder="tensorrt")
