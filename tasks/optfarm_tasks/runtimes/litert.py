"""LiteRT: runs a .tflite with the interpreter of ai-edge-litert and its CPU kernels (XNNPACK)."""

from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.frameworks.imports import blamed, blaming, require
from optfarm_tasks.runtime import Arrays, check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.TFLITE})
MODULES = ("ai_edge_litert.interpreter",)
DEVICES = frozenset({DeviceKind.CPU})
INSTRUCTION_SETS: frozenset[str] = frozenset()
"""Its kernels for bytes sum in 32 bits everywhere, and gave the same bits with AVX2 alone as with AVX-512 and VNNI."""

_WEIGHTS_AT = {"CONV_2D": 1, "DEPTHWISE_CONV_2D": 1, "FULLY_CONNECTED": 1, "TRANSPOSE_CONV": 1, "CONV_3D": 1}
"""Op → which of its inputs holds the weights."""

_NOT_WORK = {"QUANTIZE", "DEQUANTIZE", "CAST", "DELEGATE"}
"""Ops that convert, and the node of a delegate, which stands beside those that it replaces."""
_NUMBERS = {"float16", "float32", "float64", "int8", "uint8", "int16"}

_FAILED = "without XNNPACK, which fails on it"
_MISREAD = "without XNNPACK, which takes an empty slice for a whole axis"

Indices = Mapping[str, int]


class Model:
    """An interpreter whose tensors are allocated, and where its inputs and outputs lie."""

    def __init__(
        self,
        interpreter: Any,
        *,
        signature: Signature,
        inputs: Indices,
        outputs: Indices,
        is_allocated: bool,
        remark: str,
    ) -> None:
        """Takes an interpreter, whether its tensors are there, and what is to be said of how it computes."""
        self.signature = signature
        self.remark = remark
        self.precision = "; ".join(each for each in (precision_of(_ops(interpreter)), remark) if each)
        self._interpreter = interpreter
        self._inputs = dict(inputs)
        self._empty = _empty(interpreter, outputs)
        self._outputs = {name: index for name, index in outputs.items() if name not in self._empty}
        details = {each["index"]: tuple(each["shape"]) for each in interpreter.get_input_details()}
        # What is not allocated yet is at the first inputs.
        self._shapes = {name: details[index] for name, index in self._inputs.items()} if is_allocated else {}

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the model's types; resizes the interpreter, so what was fed last is what may be run."""
        arrays = model_inputs.fitted(inputs, self.signature)
        shapes = {name: array.shape for name, array in arrays.items()}
        if shapes != self._shapes:
            self._resize(shapes)
        return [(self._inputs[name], array) for name, array in arrays.items()]

    def run(self, feed: Any) -> Any:
        """Copies the arrays into the interpreter, computes, and copies the results out."""
        interpreter = self._interpreter
        try:
            for index, array in feed:
                interpreter.set_tensor(index, array)
            interpreter.invoke()
            return self._empty | {name: interpreter.get_tensor(index) for name, index in self._outputs.items()}
        except Exception as error:
            raise blamed(error, BadModel, "LiteRT cannot run the model") from error

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """Real numbers by output name."""
        return {tensor.name: model_inputs.dequantised(raw[tensor.name], tensor) for tensor in self.signature.outputs}

    def reset(self) -> None:
        """Sets its variables to zero, or to what the model initialises them with."""
        self._interpreter.reset_all_variables()

    def exact(self) -> None:
        """Nothing: no kernel of LiteRT overflows."""

    def _resize(self, shapes: dict[str, tuple[int, ...]]) -> None:
        with blaming(BadModel, f"LiteRT cannot take inputs of the shapes {shapes}"):
            for name, shape in shapes.items():
                self._interpreter.resize_tensor_input(self._inputs[name], shape, strict=True)
            self._interpreter.allocate_tensors()
        self._shapes = shapes


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:
    """Loads the .tflite of a folder.

    Raises:
        BadModel: LiteRT refuses it, or the signature to run is not the one of its first graph.
        MissingToolchain: LiteRT does not import here.
    """
    check_device(device, DEVICES, user="the litert runtime")
    require(MODULES, user="the litert runtime")
    name = formats.describe(model).signature.name
    file = str(formats.file_of(model))
    with blaming(BadModel, "LiteRT cannot load the model"):
        interpreter, is_allocated, remark = _interpreter(file, threads or None)
        inputs, outputs = _sides(interpreter, name)
    signature = Signature(name=name, inputs=_tensors(inputs), outputs=_tensors(outputs))
    places = [{key: each["index"] for key, each in side.items()} for side in (inputs, outputs)]
    return Model(
        interpreter,
        signature=signature,
        inputs=places[0],
        outputs=places[1],
        is_allocated=is_allocated,
        remark=remark,
    )


def _interpreter(file: str, threads: int | None) -> tuple[Any, bool, str]:
    """An interpreter, whether its tensors are there, and what is to be said of how it computes.

    For a size that varies the file has 1, and a convolution has no room on an image of one pixel: such a model gets its
    tensors when it is fed.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    fast = partial(Interpreter, model_path=file, num_threads=threads)
    plain = partial(fast, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    interpreter, remark = fast(), ""
    if _has_empty_slice(interpreter):
        interpreter, remark = plain(), _MISREAD
    if any((each["shape_signature"][1:] < 0).any() for each in interpreter.get_input_details()):
        return interpreter, False, remark
    try:
        interpreter.allocate_tensors()
    except RuntimeError as error:
        if "XNNPack" not in str(error):
            raise
        interpreter, remark = plain(), _FAILED
        interpreter.allocate_tensors()
    return interpreter, True, remark


def _empty(interpreter: Any, outputs: Indices) -> dict[str, NDArray[Any]]:
    """The outputs that never have elements, by name: LiteRT does not give those that are constants."""
    details = {each["index"]: each for each in interpreter.get_output_details()}
    shapes = {name: list(details[index]["shape_signature"]) for name, index in outputs.items()}
    never = {name: shape for name, shape in shapes.items() if 0 in shape and -1 not in shape}
    return {name: np.empty(shape, details[outputs[name]]["dtype"]) for name, shape in never.items()}


def _has_empty_slice(interpreter: Any) -> bool:
    """Whether an op takes a part without elements."""
    ops = interpreter._get_ops_details()  # noqa: SLF001 (LiteRT has no other list of a graph's ops)
    slices = {int(op["outputs"][0]) for op in ops if op["op_name"] == "STRIDED_SLICE"}
    details = interpreter.get_tensor_details() if slices else ()
    return any(0 in each["shape_signature"] for each in details if each["index"] in slices)


def ends(model: Path) -> tuple[str, ...]:
    """The tensors that an op of the first graph gives and none takes."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    # Without delegates, whose nodes stand beside those that they replace.
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with blaming(BadModel, "LiteRT cannot load the model"):
        interpreter = Interpreter(model_path=str(formats.file_of(model)), experimental_op_resolver_type=plain)
    ops = interpreter._get_ops_details()  # noqa: SLF001 (LiteRT has no other list of a graph's ops)
    taken = {int(index) for op in ops for index in op["inputs"]}
    given = [int(index) for op in ops for index in op["outputs"] if int(index) not in taken]
    names = {each["index"]: str(each["name"]) for each in interpreter.get_tensor_details()}
    return tuple(names[index] for index in given)


def precision_of(ops: Iterable[tuple[str, list[str], list[str]]]) -> str:
    """In which types a graph's convolutions and dense layers compute, or all its ops if it has none.

    A float16 weight reaches its op through a DEQUANTIZE, and LiteRT computes in float32 then; whether a delegate
    computes in less it does not say.

    Args:
        ops: name, types of the inputs, types of the outputs.
    """
    ops = list(ops)
    halved = any(name == "DEQUANTIZE" and taken[:1] == ["float16"] for name, taken, _ in ops)
    kinds = {
        _kind(taken[_WEIGHTS_AT[name]], given[0], is_halved=halved)
        for name, taken, given in ops
        if name in _WEIGHTS_AT and len(taken) > _WEIGHTS_AT[name] and given
    }
    rest = {given[0] for name, _, given in ops if name not in _NOT_WORK and given and given[0] in _NUMBERS}
    floats = {each for each in rest if each.startswith("float")}
    is_integer = bool(kinds) and not any("float" in kind for kind in kinds)
    elsewhere = {f"{each} elsewhere" for each in floats} if is_integer else set()
    return "; ".join([*sorted(kinds or rest), *sorted(elsewhere)]) or "no arithmetic"


def _kind(weights: str, activations: str, *, is_halved: bool) -> str:
    stored = "float16" if is_halved and weights == "float32" else weights
    return activations if stored == activations else f"{stored} weights, {activations} activations"


def _ops(interpreter: Any) -> list[tuple[str, list[str], list[str]]]:
    details = interpreter._get_ops_details()  # noqa: SLF001 (LiteRT has no other list of a graph's ops)
    return [(each["op_name"], _names(each["operand_types"]), _names(each["result_types"])) for each in details]


def _names(types: Iterable[Any]) -> list[str]:
    return [np.dtype(each).name for each in types]


def _sides(interpreter: Any, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Details of inputs and outputs by name."""
    graph = interpreter.get_input_details(), interpreter.get_output_details()
    if name not in interpreter.get_signature_list():
        inputs, outputs = ({each["name"]: each for each in side} for side in graph)
        return inputs, outputs
    runner = interpreter.get_signature_runner(name)
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    tensors = [{(each["index"], each["name"]) for each in side} for side in graph]
    own = [{(each["index"], each["name"]) for each in side.values()} for side in (inputs, outputs)]
    if not all(named <= known for named, known in zip(own, tensors, strict=True)):
        raise BadModel(f"the signature {name} is not that of the first graph; convert the model with it alone")
    return inputs, outputs


def _tensors(details: dict[str, Any]) -> tuple[Tensor, ...]:
    return tuple(_tensor(name, each) for name, each in sorted(details.items()))


def _tensor(name: str, detail: dict[str, Any]) -> Tensor:
    scale, zero_point = detail["quantization"]
    dtype = np.dtype(detail["dtype"])
    is_quantised = bool(scale) and dtype.kind in "iu"
    return Tensor(
        name=name,
        dtype="string" if dtype.kind in "SO" else dtype.name,
        shape=tuple(None if size < 0 else int(size) for size in detail["shape_signature"]),
        scale=float(scale) if is_quantised else None,
        zero_point=int(zero_point) if is_quantised else None,
    )
