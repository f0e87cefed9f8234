"""TFLite with int8 weights and float32 activations; needs no data.

Weights are stored as int8 with a scale per channel, a quarter of their size. Activations stay float32 and are
quantised for each request where a kernel multiplies in integers.

When it helps: dense layers and recurrent cells, whose time is spent on reading weights; any model that has to be small.

Traps: convolutions may become slower than in float32, for activations are quantised anew at every layer. Weights of
fewer than 1,024 elements are left alone by the converter, so tiny models do not shrink.
"""

from typing import Any

from optfarm_tasks.frameworks.tflite import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=0.01)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Converts with quantised weights."""
    done = conversion.convert(work, _configure)
    conversion.refuse_unchanged(work.output, "int8")
    return done


def _configure(tf: Any, converter: Any) -> None:
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
