"""ONNX in int8: weights per channel, activations by ranges that were watched on samples.

Ranges are taken on the calibration split. The file says where to quantise and dequantise (QDQ); ONNX Runtime fuses
that into integer kernels when it loads it. Inputs and outputs stay float32.

When it helps: convolutional models on CPUs with int8 instructions, and any model that has to be a quarter of its size.

Traps: an outlier among the samples widens a range for all others; `percentile` cuts it off. The mask of attention is
such an outlier in every sample, so it and its softmax stay in float32, as do ops without an integer kernel, with
conversions around them. Engines that take symmetric quantisation only want `activations: int8`. On CPUs without VNNI or
AMX the fast kernels overflow; the farm runs exact ones there, which are slower, and a deployment has to ask for them
too (`session.x64quantprecision`), or take `reduce_range`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from optfarm_tasks.data_sets.calibration import Calibrated, calibration_of
from optfarm_tasks.errors import BadModel, NothingToDo
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import conversion, masks, unchanged, untie
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


class _Reader:
    """The samples in the way in which ONNX Runtime asks for them."""

    def __init__(self, feeds: Iterator[dict[str, Any]]) -> None:
        self._feeds = feeds

    def get_next(self) -> dict[str, Any] | None:
        return next(self._feeds, None)


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
            said = _quantise(file, target, _Reader(samples.observed(work.on_progress)), params)
        said = (*warnings, *samples.warnings, *said)
        conversion.save(onnx.load(target), target, signature=signature.name)
        done = conversion.done(work, file, said, calibration_samples=samples.count)
        if _quantised(done.notes["nodes_after"]) == _quantised(done.notes["nodes_before"]):
            raise NothingToDo(f"nothing of the model was quantised: {unchanged.reason(file, _WEIGHTY)}")
        return done


def _quantised(counts: dict[str, int]) -> int:
    return counts.get("QuantizeLinear", 0) + counts.get("DequantizeLinear", 0)


def _quantise(file: Path, target: Path, reader: _Reader, params: PARAMS) -> tuple[str, ...]:
    """Quantises a file; gives warnings where weights have no scale per channel."""
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    is_symmetric = params.activations == "int8"
    prepared, whole, model = target.with_name("prepared.onnx"), file.with_name("whole.onnx"), onnx.load(file)
    # What prepares a file looks for weights that lie apart where it copied the file to.
    onnx.save(model, whole)
    untie.untie_weights(whole)
    # Symbolic shapes are for transformers, and its code for them fails on more models than it helps.
    quant_pre_process(whole, prepared, skip_symbolic_shape=True)
    masking = _set_apart(prepared)
    warnings = () if unchanged.takes_channels(prepared) else (unchanged.BY_TENSOR,)
    opset = next((int(each.version) for each in model.opset_import if not each.domain), 1)
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
        nodes_to_exclude=masking,
        extra_options={"ActivationSymmetric": is_symmetric, "WeightSymmetric": True},
    )
    prepared.unlink()
    return warnings


def _set_apart(file: Path) -> list[str]:
    """Renames constants, so that no value has the name of one followed by a number; gives the nodes to leave in float.

    ONNX Runtime quantises a bias that several nodes share once for each, under such names, and takes what has one
    already for its own.
    """
    import onnx

    model = onnx.load(file)
    outputs = {each.name for each in model.graph.output}
    constants = {tensor.name for tensor in model.graph.initializer} - outputs
    names = {name: f"{name}/constant" for name in constants}
    for each in (*model.graph.initializer, *model.graph.input):
        each.name = names.get(each.name, each.name)
    _rename_inputs(model.graph, names)
    masking = masks.masking_nodes(model.graph)
    for number, node in enumerate(masking):
        node.name = node.name or f"{node.op_type}/{number}"
    onnx.save(model, file)
    return [node.name for node in masking]


def _rename_inputs(graph: Any, names: dict[str, str]) -> None:
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        for attribute in node.attribute:
            for body in (attribute.g, *attribute.graphs):
                _rename_inputs(body, names)
