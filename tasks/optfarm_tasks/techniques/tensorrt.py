"""TensorRT: the model as an engine for one kind of GPU, in the types that it has.

Float32 stays float32; with `tf32` products round to 10 bits of mantissa, which tensor cores need to help. Kernels are
timed against each other on the GPU that the engine is built on. It runs on GPUs of that name alone, under the version
that built it.

When it helps: a model that runs on one kind of NVIDIA GPU, at the precision that it was trained in.

Traps: without `tf32` tensor cores stand idle. An op that the parser does not take is refused by name. Sizes that vary
beside the batch need a range (`shapes`); batches above `max_batch` are refused.
"""

from optfarm_tasks.frameworks.tensorrt import building
from optfarm_tasks.frameworks.tensorrt.precisions import Plain, plain
from optfarm_tasks.technique import Done, Work

CARD = building.card("tensorrt", is_reduced=True, tolerance_nmse=1e-5)
PARAMS = Plain


def run(work: Work, params: Plain) -> Done:
    """Builds it as it is."""
    return plain(work, params, builder="tensorrt")
