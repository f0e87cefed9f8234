"""OpenVINO computing in bfloat16 on processors that can, with float16 weights.

The graph is that of `openvino-float16`, and the file says that convolutions and products shall be computed in bfloat16:
the range of float32 with 8 bits of precision. It is what OpenVINO does of itself on such processors; the farm asks for
it by name, so that a measurement says what was measured.

When it helps: processors with bfloat16 instructions (AVX512-BF16, AMX), where it is about twice as fast as float32,
without any data and with less loss than int8.

Traps: elsewhere it computes in float32, which the report's precision shows. Regression over a wide range loses
digits: look at the quality column.
"""

from optfarm_tasks.frameworks.openvino import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-3)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Converts, and writes down the type to compute in."""
    return conversion.convert(work, halve=True, precision="bfloat16")
