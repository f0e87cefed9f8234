"""PyTorch on a GPU with the kernels of a request recorded once and replayed (CUDA graph).

The file says that the runtime shall record all kernels of a request for the shapes that it is fed with, and launch them
together from then on. Outputs are the same.

When it helps: models of many small kernels at small batches, where the host takes longer to launch a kernel than the
GPU to compute it. After `torch-compile` as well, which launches fewer.

Traps: buffers of each shape stay in the GPU's memory. An op that waits for the GPU or whose sizes depend on values
cannot be recorded, and the benchmark then fails with its name.
"""

from optfarm_tasks.frameworks.torch import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(needs_gpu=True)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Writes down that it shall."""
    source = conversion.Source(work)
    source.save(source.program, work, source.running.model_copy(update={"cuda_graph": True}))
    return Done()
