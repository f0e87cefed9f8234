"""TFLite with int16 activations and int8 weights: small, and close to float.

Ranges of activations are watched on samples of the calibration split, as for `tflite-int8`, but activations keep 16
bits. Inputs and outputs stay float32.

When it helps: accelerators with 16-bit activations, and models whose activations span too wide a range for int8, such
as audio and super-resolution.

Traps: on CPUs it is far slower than float32, because LiteRT has reference kernels for it only. Several ops have no
kernel of this kind and are refused by name (unsupported_op).
"""

from typing import Any

from optfarm_tasks.data_sets.calibration import Calibrated
from optfarm_tasks.frameworks.tflite import conversion, trial
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_calibration=True, is_reduced=True, tolerance_nmse=0.02)
PARAMS = Calibrated


def run(work: Work, params: PARAMS) -> Done:
    """Converts with wide activations.

    Raises:
        UnsupportedOp: an op has no kernel of this kind, or one that crashes.
    """
    done = conversion.convert_calibrated(work, params, _configure, integers_only=16)
    trial.refuse_crash(work.output)
    return done


def _configure(tf: Any, converter: Any) -> None:
    wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [wide]
