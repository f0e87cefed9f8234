"""ONNX with int8 weights whose activations are quantised at each request; needs no data.

Weights of dense layers are stored as int8 with a scale per channel. ONNX Runtime takes the range of the activations
anew for each request, multiplies in integers, and goes on in float32.

When it helps: dense layers, attention and other models that spend their time on matrix products; any dense model that
has to be small.

Traps: convolutions stay float32 by default, because quantised at each request they run several times slower; with
`ops: all` a convolutional model shrinks to a quarter at that price. A model without matrix products is skipped, for
nothing would change.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.formats.onnx import graph_of
from optfarm_tasks.formats.raw import view
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import conversion, unchanged, untie
from optfarm_tasks.technique import Done, Params, Work

CARD = conversion.card(is_reduced=True, tolerance_nmse=0.01)

_PRODUCTS = ["MatMul", "Gemm"]
_ALL = [*_PRODUCTS, "Conv", "LSTM", "Attention", "EmbedLayerNormalization", "Gather"]
_TABLE = "Gather"
_TABLE_LEFT = "tables (Gather) stay float32: beside a loop or branch, ONNX Runtime does not load quantised ones"


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
        NothingToDo: the model has none of the ops, or in places or types that are not quantised.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    wanted = _PRODUCTS if params.ops == "products" else _ALL
    target = work.output / conversion.FILE
    with conversion.source(work) as (file, signature, warned):
        warnings = list(warned)
        work.on_progress("quantising", 0.6)
        if _TABLE in wanted and _has_bodies(file):
            wanted = [op for op in wanted if op != _TABLE]
            warnings.append(_TABLE_LEFT)
        unchanged.refuse_halves(file, wanted)
        by_channel = unchanged.takes_channels(file)
        warnings += [] if by_channel else [unchanged.BY_TENSOR]
        settings = {"op_types_to_quantize": wanted, "per_channel": by_channel}
        settings |= {"reduce_range": params.reduce_range, "weight_type": QuantType.QInt8}
        untie.untie_weights(file)
        with blaming(BadModel, "ONNX Runtime cannot quantise the model"):
            quantize_dynamic(file, target, **settings)
        conversion.save(onnx.load(target), target, signature=signature.name)
        done = conversion.done(work, file, tuple(warnings))
        if _quantised(done.notes["nodes_after"]) == _quantised(done.notes["nodes_before"]):
            more = _hint(file) if params.ops == "products" else ""
            raise NothingToDo(f"nothing of the model was quantised: {unchanged.reason(file, wanted)}{more}")
        return done


def _quantised(counts: dict[str, int]) -> int:
    """How many nodes quantise or compute in integers; others may change without that, as a Gemm to a MatMul."""
    return sum(count for op, count in counts.items() if "quantize" in op.lower() or op.endswith("Integer"))


def _has_bodies(file: Path) -> bool:
    """Whether a model has loops or branches: ONNX Runtime 1.31 aborts where it moves a DequantizeLinear into one."""
    return any(node.bodies for node in graph_of(file, view(file)).nodes)


def _hint(file: Path) -> str:
    others = sorted({node.op for node in graph_of(file, view(file)).nodes if node.op in set(_ALL) - set(_PRODUCTS)})
    return f"; onnx-dynamic(ops=all) takes {', '.join(others)} as well" if others else ""
