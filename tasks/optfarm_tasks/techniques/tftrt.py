"""TensorRT from within TensorFlow (TF-TRT), in float32.

The model is frozen, and segments of its graph that TensorRT takes become engines; TensorFlow computes the rest. The
notes list the engines with their nodes, and every op that was not converted with the reason.

When it helps: convolutional networks on NVIDIA GPUs, whose whole graph becomes one engine.

Traps: an engine runs on the kind of GPU, and with the TensorRT, that it was built with; the farm times it there, at its
batch. Each border between an engine and TensorFlow costs a copy, and a model of many ops that TensorRT does not take
gains nothing: read the notes. The weights stay in the file beside the engines, so it grows. Loops, strings and tables
are not taken. On Ampere and later GPUs convolutions run in TF32, with 10 bits of mantissa.
"""

from optfarm_tasks.frameworks.tftrt import conversion, precision
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(tolerance_nmse=1e-5)
PARAMS = conversion.Engines


def run(work: Work, params: PARAMS) -> Done:
    """Makes engines in float32."""
    return conversion.convert(work, params, precision.FLOAT32)
