"""TFLite with 32-bit floats: the same numbers in a smaller runtime.

The graph is frozen, batch norms and constants are folded, and LiteRT runs it with kernels made for CPUs (XNNPACK).
Weights and activations stay float32, so outputs differ by rounding only.

When it helps: nearly always on CPUs, most with convolutions; it also shows what the runtime alone is worth, which the
quantised variants' speed-ups contain.

Traps: ops without a TFLite kernel are refused by name (unsupported_op). Dense layers that are read from memory gain
little.
"""

from optfarm_tasks.frameworks.tflite import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(tolerance_nmse=1e-8)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Converts without any optimisation that changes numbers."""
    return conversion.convert(work, lambda _tf, _converter: None)
