"""TFLite in int8 where there is a kernel, in float32 elsewhere; float inputs and outputs.

As `tflite-int8`, but an op without an int8 kernel stays in float32, with conversions around it, as does the softmax of
attention that is masked, and the model takes and gives float32.

When it helps: the speed of int8 for models with a few unusual ops, and a drop-in for the float model, since its
signature does not change.

Traps: conversions around float ops cost time; in a model with many of them nothing is gained. Outputs still pass
through int8 before they are turned into float32, so regression suffers as in `tflite-int8`.
"""

from optfarm_tasks.data_sets.calibration import Calibrated
from optfarm_tasks.frameworks.tflite import conversion
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_calibration=True, is_reduced=True, tolerance_nmse=0.05)
PARAMS = Calibrated


def run(work: Work, params: PARAMS) -> Done:
    """Converts with calibration and the converter's own choice of kernels."""
    return conversion.convert_calibrated(work, params, lambda _tf, _converter: None, integers_only=None)
