"""ONNX in int8: weights per channel, activations by ranges that were watched on samples.

Ranges are taken on the calibration split. The file says where to quantise and dequantise (QDQ); ONNX Runtime fuses
that into integer kernels when it loads it. Inputs and outputs stay float32.

When it helps: convolutional models on CPUs with int8 instructions, and any model that has to be a quarter of its size.

Traps: an outlier among the samples widens a range for all others; `percentile` cuts it off. Ops without an integer
kernel stay in float32 with conversions around them. Engines that take symmetric quantisation only want
`activations: int8`. On CPUs without VNNI or AMX the fast kernels overflow; the farm runs exact ones there, which are
slower, and a deployment has to ask for them too (`session.x64quantprecision`), or take `reduce_range`.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from optfarm_tasks.data_sets.calibration import Calibrated, calibration_of
from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import conversion, quantisation, unchanged
from optfarm_tasks.technique import Done, Work

CARD = conversion.card(needs_calibration=True, is_reduced=True, tolerance_nmse=0.05)

_WEIGHTY = ("Conv", "ConvTranspose", "Gemm", "MatMul", "Gather")

_CHANNELS_SINCE = 13
"""The version of ONNX's ops from which on a scale may have an axis."""


class PARAMS(Calibrated):
    """What it watches, and the integers it computes in."""

    activations: Literal["uint8", "int8"] = Field(
        default="uint8", description="type of activations; int8 is symmetric, as some accelerators want it"
    )
    reduce_range: bool = Field(
        default=False, description="weights in 7 bits: as fast on CPUs without VNNI or AMX as with, at more error"
    )


def run(work: Work, params: PARAMS) -> Done:
    """Watches ranges and quantises.

    Raises:
        UnsupportedOp: nothing of the model is quantised; the message says why.
    """
    import onnx

    target = work.output / conversion.FILE
    with conversion.source(work) as (file, signature, warnings):
        samples = calibration_of(work, signature, params.calibration_samples)
        with blaming(BadModel, "ONNX Runtime cannot quantise the model"):
            said = _quantise(file, target, quantisation.Reader(samples.observed(work.on_progress)), params)
        said = (*warnings, *samples.warnings, *said)
        conversion.save(onnx.load(target), target, signature=signature.name)
        done = conversion.done(work, file, said, calibration_samples=samples.count)
        if _quantised(done.notes["nodes_after"]) == _quantised(done.notes["nodes_before"]):
            raise NothingToDo(f"nothing of the model was quantised: {unchanged.reason(file, _WEIGHTY)}")
        return done


def _quantised(counts: dict[str, int]) -> int:
    return counts.get("QuantizeLinear", 0) + counts.get("DequantizeLinear", 0)


def _quantise(file: Path, target: Path, reader: quantisation.Reader, params: PARAMS) -> tuple[str, ...]:
    """Quantises a file; gives warnings where weights have no scale per channel."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    is_symmetric, prepared = params.activations == "int8", target.with_name("prepared.onnx")
    quantisation.prepare(file, prepared)
    warnings = () if unchanged.takes_channels(prepared) else (unchanged.BY_TENSOR,)
    opset = quantisation.opset_of(onnx.load(file, load_external_data=False))
    if opset < _CHANNELS_SINCE:
        warnings = (f"weights have one scale a tensor: opset {opset} has none per channel, {_CHANNELS_SINCE} has",)
    quantize_static(
        prepared,
        target,
        reader,
        quant_format=QuantFormat.QDQ,
        per_channel=not warnings,
        reduce_range=params.reduce_range,
        activation_type=QuantType.QInt8 if is_symmetric else QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": is_symmetric, "WeightSymmetric": True},
    )
    prepared.unlink()
    return warnings
