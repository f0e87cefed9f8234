"""TFLite in integers only: int8 weights, activations, inputs and outputs.

Ranges of activations are watched on samples of the calibration split; then every op computes in int8. Inputs and
outputs are int8 too, and the farm quantises and dequantises them outside the clock.

When it helps: the fastest TFLite variant on CPUs with int8 instructions, and the only one for microcontrollers and
integer-only accelerators.

Traps: an output that is int8 has 256 values, which ruins regression over a wide range; too few or unlike calibration
samples do the same. Look at the quality column. An op that would stay in float is an error (unsupported_op), and so is
attention that is masked, whose mask leaves no integers for its scores; `tflite-int8-float` lets them stay.
"""

from typing import Any

from optfarm_tasks.data_sets.calibration import Calibrated
from optfarm_tasks.errors import UnsupportedOp
from optfarm_tasks.frameworks.tflite import conversion
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_calibration=True, is_reduced=True, tolerance_nmse=0.05)
PARAMS = Calibrated


def run(work: Work, params: PARAMS) -> Done:
    """Converts, and checks that nothing was left in float."""
    done = conversion.convert_calibrated(work, params, _configure, integers_only=8)
    left = conversion.float_ops((work.output / "model.tflite").read_bytes())
    if left:
        raise UnsupportedOp(f"no int8 kernel for {', '.join(left)}; tflite-int8-float leaves such ops in float")
    return done


def _configure(tf: Any, converter: Any) -> None:
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
