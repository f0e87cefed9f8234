"""PyTorch computing in float16 where that is good enough (autocast).

The file says that the runtime shall compute convolutions and products in float16, with 11 bits of precision and values
up to 65,504; sums, norms and softmax stay in float32, as PyTorch's lists have it. Weights stay float32 in the file.

When it helps: GPUs since Volta, whose matrix units take float16 many times as fast as float32, with an eighth of the
rounding of bfloat16; processors with AMX-FP16 or AVX512-FP16.

Traps: a value past 65,504 becomes infinite, which bfloat16 holds. Each weight is cast at each request, unless
`torch-compile` comes after it. On processors without such instructions it is many times slower than float32.
"""

from optfarm_tasks.frameworks.torch import autocasting, conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-2)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Writes down the type to compute in."""
    return autocasting.narrow(work, "float16")
