"""ONNX with int8 weights whose activations are quantised at each request; needs no data.

Weights of dense layers are stored as int8 with a scale per channel. ONNX Runtime takes the range of the activations
anew for each request, multiplies in integers, and goes on in float32.

When it helps: dense layers, attention and other models that spend their time on matrix products; any dense model that
has to be small.

Traps: convolutions stay float32 by default, because quantised at each request they run several times slower; with
`ops: all` a convolutional model shrinks to a quarter at that price. A model without matrix products is skipped, for
nothing would change.
"""

from typing import Literal

from pydantic import Field

from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import conversion
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=0.01)

_PRODUCTS = ["MatMul", "Gemm"]
_ALL = [*_PRODUCTS, "Conv", "LSTM", "Attention", "EmbedLayerNormalization", "Gather"]


class PARAMS(Params):
    """What is quantised."""

    ops: Literal["products", "all"] = Field(
        default="products", description="products: matrix products alone; all: convolutions, cells and tables as well"
    )
    reduce_range: bool = Field(
        default=False, description="weights in 7 bits: as fast on CPUs without VNNI or AMX as with, at more error"
    )


def run(work: Work, params: PARAMS) -> Done:
    """Quantises weights.

    Raises:
        NothingToDo: the model has none of the ops.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    wanted = _PRODUCTS if params.ops == "products" else _ALL
    target = work.output / conversion.FILE
    with conversion.source(work) as (file, signature, warnings):
        work.on_progress("quantising", 0.6)
        with blaming(BadModel, "ONNX Runtime cannot quantise the model"):
            quantize_dynamic(
                file,
                target,
                op_types_to_quantize=wanted,
                per_channel=True,
                reduce_range=params.reduce_range,
                weight_type=QuantType.QInt8,
            )
        conversion.save(onnx.load(target), target, signature=signature.name)
        done = conversion.done(work, file, warnings)
    if done.notes["nodes_after"] == done.notes["nodes_before"]:
        raise NothingToDo(f"the model has no {', '.join(wanted)} with constant weights")
    return done
