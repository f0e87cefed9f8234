"""OpenVINO with float16 weights: half the size, and nearly the same numbers.

Weights are stored as float16; OpenVINO turns them into float32 when it compiles the model for a CPU, and computes in
float32 as in `openvino`.

When it helps: a download has to shrink by half, and quality must not change. GPUs compute in float16 directly.

Traps: on CPUs it is no faster than `openvino`, and memory is not saved. A constant below 6e-8, such as the epsilon in a
logarithm or a division, becomes zero unless OpenVINO recognises what it is for.
"""

from optfarm_tasks.frameworks.openvino import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(tolerance_nmse=1e-4)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Converts with halved weights."""
    return conversion.convert(work, halve=True)
