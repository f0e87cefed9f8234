"""Writes into an ONNX graph where it is to compute in 8 bits, by ranges that were watched on samples.

Pairs of QuantizeLinear and DequantizeLinear stand before the inputs and the weights of what multiplies, with scales
and without zero points, weights by channel: the one form that TensorRT of all versions takes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from optfarm_tasks.errors import BadModel, NothingToDo, UnsupportedOp
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.onnx import quantisation, unchanged

Eight = Literal["int8", "float8"]

HEAVY = ["Conv", "ConvTranspose", "Gemm", "MatMul"]
"""Ops whose inputs and weights are quantised."""
_OPSET = 19
"""From here on scales may be of a narrow type, and zero points of an eight-bit float."""
_PAIR = ("QuantizeLinear", "DequantizeLinear")
_INT8_STEPS, _FLOAT8_LARGEST = 127, 448
"""The largest numbers that int8, where it is symmetric, and float8_e4m3fn hold."""


def quantise(file: Path, folder: Path, feeds: Iterator[dict[str, Any]], dtype: Eight) -> tuple[Any, tuple[str, ...]]:
    """The onnx.ModelProto that computes its products in a type, and warnings.

    Raises:
        BadModel: ONNX Runtime cannot run the model, or cannot quantise it.
        NothingToDo: nothing of it is quantised; the message says why.
        UnsupportedOp: it is written in old ops that have no counterpart in newer ones.
    """
    import onnx

    prepared, target = folder / "prepared.onnx", folder / "quantised.onnx"
    with blaming(BadModel, "ONNX Runtime cannot quantise the model"):
        quantisation.prepare(file, prepared)
        _raise_opset(prepared)
        warnings = () if unchanged.takes_channels(prepared) else (unchanged.BY_TENSOR,)
        _static(prepared, target, quantisation.Reader(feeds), by_channel=not warnings)
    model = onnx.load(target)
    if not any(node.op_type in _PAIR for node in model.graph.node):
        raise NothingToDo(f"nothing of the model is quantised: {unchanged.reason(file, HEAVY)}")
    if dtype == "float8":
        _to_float8(model)
    return model, warnings


def _raise_opset(file: Path) -> None:
    import onnx

    model = onnx.load(file)
    opset = quantisation.opset_of(model)
    if opset >= _OPSET:
        return
    with blaming(UnsupportedOp, f"ONNX cannot write the model's ops of opset {opset} as those of {_OPSET}"):
        onnx.save(onnx.version_converter.convert_version(model, _OPSET), file)


def _static(file: Path, target: Path, reader: quantisation.Reader, *, by_channel: bool) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        file,
        target,
        reader,
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=HEAVY,
        per_channel=by_channel,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        extra_options={
            "ActivationSymmetric": True,
            "WeightSymmetric": True,
            "QuantizeBias": False,
            "AddQDQPairToWeight": True,
            # An output is quantised where something takes it that multiplies; else it would be rounded for nothing.
            "OpTypesToExcludeOutputQuantization": HEAVY,
        },
    )


def _to_float8(model: Any) -> None:
    """Has the pairs round to float8_e4m3fn in place of int8; the largest number that was seen stays the largest."""
    import ml_dtypes
    import numpy as np
    from onnx import numpy_helper

    pairs = [node for node in model.graph.node if node.op_type in _PAIR]
    scales, zeros = ({node.input[place] for node in pairs} for place in (1, 2))
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if tensor.name in zeros:
            tensor.CopyFrom(numpy_helper.from_array(array.astype(ml_dtypes.float8_e4m3fn), tensor.name))
        elif tensor.name in scales:
            wider = (array * np.float64(_INT8_STEPS / _FLOAT8_LARGEST)).astype(array.dtype)
            tensor.CopyFrom(numpy_helper.from_array(wider, tensor.name))
    del model.graph.value_info[:]
