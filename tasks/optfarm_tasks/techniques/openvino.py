"""OpenVINO with 32-bit floats: the same numbers, fused for Intel's and other CPUs.

OpenVINO reads the SavedModel, .tflite or .onnx itself and writes its graph (.xml) and weights (.bin). Its runtime fuses
layers and compiles kernels for the processor when it loads them. Weights and activations stay float32; the farm pins
that, for of itself OpenVINO computes in bfloat16 where the processor can.

When it helps: most models on Intel CPUs; it also shows what the runtime alone is worth, which the quantised variants'
speed-ups contain.

Traps: loading takes longer than with other runtimes, because kernels are compiled then. An op without a counterpart is
refused by name (unsupported_op).
"""

from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.openvino import conversion
from optfarm_tasks.technique import Card, Done, Params, Work

CARD = Card(
    accepts=conversion.CONVERTED,
    yields=dict.fromkeys(conversion.CONVERTED, Format.OPENVINO),
    modules=conversion.MODULES,
    tolerance_nmse=1e-8,
)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Converts without any optimisation that changes numbers."""
    return conversion.convert(work)
