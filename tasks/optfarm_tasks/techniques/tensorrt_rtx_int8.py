"""TensorRT-RTX in int8: products in 8 bits by ranges that were watched on samples.

Scales are taken on the calibration split and written into the graph as pairs that quantise and dequantise, without
zero points, weights by channel. What does not multiply computes in float16, or in what `elsewhere` says. The engine
is built ahead of time for one compute capability (`target`), on a machine with or without a GPU; kernels are compiled
when it is loaded. It runs on GPUs of that compute capability alone, under the version that built it.

When it helps: convolutions and matrix products large enough to keep a GPU busy.

Traps: an outlier among the samples widens a range for all others. Small models become slower, for each change of type
costs. Too few samples give wrong ranges: look at the quality column.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.precisions import Quantised, quantised
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt-rtx", needs_calibration=True, is_reduced=True, tolerance_nmse=0.05)
PARAMS = Quantised


def run(work: Work, params: Quantised) -> Done:
    """Watches ranges, writes them into the graph, and builds it."""
    return quantised(work, params, "int8", builder="tensorrt-rtx")
