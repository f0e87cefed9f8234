"""TFLite with float16 weights: half the size, and nearly the same numbers.

Weights are stored as float16 and turned back into float32 when the model is loaded.

When it helps: a download or a flash image has to shrink by half, and quality must not change. GPU delegates compute
in float16 directly.

Traps: on CPUs it is no faster than `tflite-float32`, because LiteRT computes in float32 there; loading takes longer,
and memory is not saved. A constant below 6e-8, such as the epsilon in a logarithm or a division, becomes zero.
"""

from typing import Any

from optfarm_tasks.frameworks.tflite import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(tolerance_nmse=1e-4)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Converts with halved weights."""
    done = conversion.convert(work, _configure)
    conversion.refuse_unchanged(work.output, "float16")
    return done


def _configure(tf: Any, converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
