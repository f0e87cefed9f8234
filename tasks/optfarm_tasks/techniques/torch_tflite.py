"""TFLite from PyTorch, with 32-bit floats, run by LiteRT.

LiteRT's own converter lowers an exported program (.pt2); inputs and outputs keep their names. Outputs differ by
rounding.

When it helps: phones and small boards, and CPUs where LiteRT's kernels (XNNPACK) are faster than PyTorch's.

Traps: TFLite knows sizes when it is converted, so the batch is fixed, and other sizes that vary are refused. Images
stay in PyTorch's order of axes, so transpositions stand around convolutions. Whole numbers of 64 bits become 32.
"""

from pydantic import Field

from optfarm_tasks.description import Format
from optfarm_tasks.frameworks.torch import conversion, to_tflite
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(
    yields={Format.PT2: Format.TFLITE},
    modules=("torch", "litert_torch"),
    fixes_batch="batch",
    tolerance_nmse=1e-8,
)


class PARAMS(Params):
    """The batch."""

    batch: int = Field(default=1, ge=1, le=65536, description="samples that a request has")


def run(work: Work, params: PARAMS) -> Done:
    """Converts without quantising."""
    source = conversion.Source(work)
    source.refuse_lossy_export(user="torch-tflite", instead="torch-onnx does")
    work.on_progress("converting", 0.3)
    to_tflite.write(source, work.output / "model.tflite", batch=params.batch)
    return Done()
