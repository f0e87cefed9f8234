"""PyTorch computing in bfloat16 where that is good enough (autocast).

The file says that the runtime shall compute convolutions and products in bfloat16, the range of float32 with 8 bits of
precision; sums, norms and softmax stay in float32, as PyTorch's lists have it. Weights stay float32 in the file.

When it helps: processors with bfloat16 instructions (AVX512-BF16, AMX) and GPUs; without any data, and with less loss
than int8.

Traps: each weight is cast at each request, unless `torch-compile` comes after it. On processors without such
instructions it is slower than float32.
"""

from optfarm_tasks.frameworks.torch import autocasting, conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-2)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Writes down the type to compute in."""
    return autocasting.narrow(work, "bfloat16")
