"""TensorRT-RTX in float8: products in 8 bits with an exponent (E4M3), by ranges of samples.

As `tensorrt-rtx-int8`, but what is multiplied rounds to float8: 3 bits of mantissa, and a range that outliers hurt
less. The engine is built ahead of time for one compute capability (`target`), on a machine with or without a GPU;
kernels are compiled when it is loaded. It runs on GPUs of that compute capability alone, under the version that built
it.

When it helps: transformers, on GPUs since compute capability 8.9.

Traps: older GPUs are refused. Convolutions lose more than in int8.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.precisions import Quantised, quantised
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt-rtx", needs_calibration=True, is_reduced=True, tolerance_nmse=0.05)
PARAMS = Quantised


def run(work: Work, params: Quantised) -> Done:
    """Watches ranges, writes them into the graph, and builds it."""
    return quantised(work, params, "float8", builder="tensorrt-rtx")
