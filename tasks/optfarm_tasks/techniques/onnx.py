"""ONNX with 32-bit floats, run by ONNX Runtime.

tf2onnx rewrites the frozen graph in ONNX's ops and folds what is constant; ONNX Runtime fuses nodes when it loads the
file and runs them with kernels made for CPUs. Weights and activations stay float32, so outputs differ by rounding. A
.tflite is taken too.

When it helps: often faster than TensorFlow on CPUs, and the form that most other tools and accelerators take. It is
what `onnx-int8` and `onnx-dynamic` start from.

Traps: an op without a counterpart is refused by name (unsupported_op). Images stay in the order of the signature, so
transpositions stand at the ends of the graph. The larger the opset, the newer the runtime that other people need.
"""

import shutil

from pydantic import Field

from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.onnx import conversion, from_tensorflow
from optfarm_tasks.technique import Card, Done, Params, Work

CARD = Card(
    accepts=conversion.CONVERTED,
    yields=dict.fromkeys(conversion.CONVERTED, Format.ONNX),
    modules=(*conversion.MODULES, "ai_edge_litert"),
    tolerance_nmse=1e-8,
)


class PARAMS(Params):
    """What it writes."""

    opset: int = Field(
        default=from_tensorflow.NEWEST_OPSET,
        ge=from_tensorflow.OLDEST_OPSET,
        le=from_tensorflow.NEWEST_OPSET,
        description="version of ONNX's ops that the file is written in",
    )


def run(work: Work, params: PARAMS) -> Done:
    """Converts without any optimisation that changes numbers."""
    with conversion.source(work, opset=params.opset) as (file, _, warnings):
        shutil.copy(file, work.output / conversion.FILE)
        return conversion.done(work, None, warnings)
