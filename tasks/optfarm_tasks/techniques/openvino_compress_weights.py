"""OpenVINO with weights of 8 or 4 bits, turned back into floats as they are read; needs no data.

NNCF stores the weights of products, tables and convolutions as integers with a scale per channel, or per group of them
for 4 bits. The runtime multiplies them out where they are used.

When it helps: large dense layers and attention, whose time is spent on reading weights; any model that has to be small
without samples to calibrate on.

Traps: convolutions are no faster, for they compute in float32. 4 bits cost quality: look at the quality column. Layers
of few weights are left alone.
"""

from typing import Any, Literal

from pydantic import Field

from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.openvino import compression, conversion, unchanged
from optfarm_tasks.technique import Done, Params, Work

CARD = compression.card(is_reduced=True, tolerance_nmse=0.01)

_MODES = {"int8": "INT8_ASYM", "int8-symmetric": "INT8_SYM", "int4": "INT4_ASYM", "int4-symmetric": "INT4_SYM"}


class PARAMS(Params):
    """How weights are stored."""

    weights: Literal["int8", "int8-symmetric", "int4", "int4-symmetric"] = Field(
        default="int8", description="type of weights; symmetric ones have no zero point"
    )
    group_size: int = Field(default=64, ge=8, le=1024, description="weights that share a scale; for int4 alone")
    ratio: float = Field(
        default=1.0, ge=0, le=1, description="share of weights in int4, the rest in int8; for int4 alone"
    )


def run(work: Work, params: PARAMS) -> Done:
    """Compresses weights.

    Raises:
        UnsupportedOp: there are none to compress.
    """
    import nncf

    with conversion.source(work) as (model, signature, warnings):
        work.on_progress("compressing", 0.6)
        mode, before = getattr(nncf.CompressWeightsMode, _MODES[params.weights]), conversion.counts(model)
        compression.quieten()
        with blaming(BadModel, "NNCF cannot compress the model"):
            compressed = nncf.compress_weights(model, mode=mode, **_groups(params))
        notes = compression.notes(before, compressed)
        unchanged.refuse_same(before, notes["nodes_after"], what="compressed")
        conversion.write(compressed, signature, work)
        return Done(warnings=warnings, notes=notes)


def _groups(params: PARAMS) -> dict[str, Any]:
    import nncf

    if not params.weights.startswith("int4"):
        return {}
    # A layer whose channels do not divide by the group gets the largest group that does.
    fallback = nncf.quantization.advanced_parameters.GroupSizeFallbackMode.ADJUST
    advanced = nncf.AdvancedCompressionParameters(group_size_fallback_mode=fallback)
    return {"group_size": params.group_size, "ratio": params.ratio, "all_layers": True, "advanced_parameters": advanced}
