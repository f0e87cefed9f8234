"""TensorRT from within TensorFlow (TF-TRT), in int8 by ranges that were watched on samples.

The frozen model runs on samples of the calibration split while TensorRT watches the ranges of activations; then its
layers compute in int8 where it has kernels and its trials find them faster, else in float16 or float32.

When it helps: GPUs with int8 tensor cores (Turing and later), convolutional networks at large batches.

Traps: those of `tftrt`; too few or unlike calibration samples. TF-TRT falls back to float16 without a word where an
engine has no ranges: the precision is read back from the file, and such an artifact is refused (unsupported_op).
"""

from optfarm_tasks.data_sets.calibration import Calibrated
from optfarm_tasks.frameworks.tftrt import conversion, precision
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_calibration=True, is_reduced=True, tolerance_nmse=0.1)


class PARAMS(conversion.Engines, Calibrated):
    """The engines, and the samples that ranges are watched on."""


def run(work: Work, params: PARAMS) -> Done:
    """Watches ranges, and makes engines in int8."""
    return conversion.convert(work, params, precision.INT8, calibration_samples=params.calibration_samples)
