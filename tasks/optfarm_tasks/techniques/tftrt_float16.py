"""TensorRT from within TensorFlow (TF-TRT), in float16 where that is faster.

As `tftrt`, but TensorRT may compute a layer of an engine in float16 when its trials find that faster. Inputs and
outputs stay as they are.

When it helps: GPUs with tensor cores (Volta and later); often twice as fast as float32 there.

Traps: those of `tftrt`. Activations beyond 65504 overflow. Which layers run in float16 TensorRT decides anew with each
building, by time.
"""

from optfarm_tasks.frameworks.tftrt import conversion, precision
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=1e-3)
PARAMS = conversion.Engines


def run(work: Work, params: PARAMS) -> Done:
    """Makes engines in float16."""
    return conversion.convert(work, params, precision.FLOAT16)
