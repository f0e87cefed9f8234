"""ONNX from PyTorch, with 32-bit floats, run by ONNX Runtime.

PyTorch's own exporter writes an exported program (.pt2) in ONNX's ops; sizes that vary stay open, and inputs and
outputs keep their names. Outputs differ by rounding.

When it helps: often faster than PyTorch op by op on CPUs, and where every ONNX variant of a PyTorch model begins:
`torch-onnx -> onnx-int8`, `torch-onnx -> openvino`.

Traps: an op without a counterpart is refused by name (unsupported_op). Weights that were quantised in PyTorch become
ops that quantise and dequantise.
"""

from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.onnx import conversion as onnx_conversion
from optfarm_tasks.frameworks.torch import conversion, to_onnx
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(
    yields={Format.PT2: Format.ONNX},
    modules=("torch", "onnx", "onnxruntime", "onnxscript"),
    tolerance_nmse=1e-8,
)
PARAMS = Params


def run(work: Work, _: Params) -> Done:
    """Exports, names the ends, and checks that ONNX Runtime loads the result."""
    source = conversion.Source(work)
    source.refuse_lossy_export(user="torch-onnx")
    work.on_progress("converting", 0.3)
    to_onnx.write(source, work.output / onnx_conversion.FILE)
    return onnx_conversion.done(work, None, ())
