"""OpenVINO: runs a model's .xml and .bin with its CPU plugin."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks import formats, instruction_sets
from optfarm_tasks.data_sets import model_inputs
from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadModel, Internal
from optfarm_tasks.formats import openvino as openvino_format
from optfarm_tasks.frameworks.imports import blamed, blaming, require
from optfarm_tasks.frameworks.openvino import overflow, snippets
from optfarm_tasks.runtime import Arrays, check_device
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.OPENVINO})
MODULES = ("openvino",)
DEVICES = frozenset({DeviceKind.CPU})
INSTRUCTION_SETS = instruction_sets.REDUCED

_HINTS = {"float32": "f32", "bfloat16": "bf16"}

_HEAVY = frozenset(
    {"Convolution", "Deconvolution", "FullyConnected", "MatMul", "RNNCell", "RNNSeq", "BinaryConvolution"}
)
_NOT_WORK = frozenset({"Input", "Output", "Const", "Parameter", "Result", "Reorder", "Convert", "FakeQuantize"})
_NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "f64": "float64", "i8": "int8", "u8": "int8"}
_FLOATS = frozenset({"float32", "float16", "bfloat16", "float64"})

Shapes = dict[int, tuple[int, ...]]
"""The number of an input → its shape."""


class Model:
    """A model that is compiled for the shapes that it was fed last, and the signature of its file."""

    def __init__(self, read: Any, *, settings: dict[str, Any], signature: Signature) -> None:
        """Takes an openvino.Model, which it compiles with some settings of the CPU plugin."""
        self.signature = signature
        self._read, self._settings = read, settings
        self._inputs = _places(read.inputs, [each.name for each in signature.inputs])
        self._outputs = _places(read.outputs, [each.name for each in signature.outputs])
        self._shapes = _fixed_shapes(read.inputs)
        self._has_open_sizes = False
        self._compile(read)

    @property
    def precision(self) -> str:
        """The types that the engine says it computes its layers in, and what it had to do without to run the model."""
        layers = (each.get_rt_info() for each in self._compiled.get_runtime_model().get_ordered_ops())
        kernels = ((layer["layerType"].astype(str), layer["primitiveType"].astype(str)) for layer in layers)
        without = ("; open sizes" if self._has_open_sizes else "", "; no snippets" if self._has_no_snippets else "")
        return precision_of(kernels) + "".join(without)

    def feed(self, inputs: Arrays) -> Any:
        """Arrays of the signature's types by the number of the input; compiles the model for their shapes."""
        arrays = {self._inputs[name]: array for name, array in model_inputs.fitted(inputs, self.signature).items()}
        shapes = {place: array.shape for place, array in arrays.items()}
        if shapes != self._shapes:
            self._specialise(shapes)
        return arrays

    def run(self, feed: Any) -> Any:
        """Computes from the arrays as they lie in memory, and copies the results out."""
        try:
            return self._request.infer(feed, share_inputs=True)
        except Exception as error:
            raise blamed(error, BadModel, "OpenVINO cannot run the model") from error

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """The arrays by output name."""
        return {name: raw[place] for name, place in self._outputs.items()}

    def reset(self) -> None:
        """Sets its variables to what they were first."""
        self._request.reset_state()

    def exact(self) -> "Model | None":
        """The same model with its quantised layers computed in float32, where kernels for integers overflow."""
        if "int8" not in self.precision or not overflow.is_seen():
            return None
        return Model(self._read.clone(), settings=self._settings | overflow.WITHOUT_INTEGERS, signature=self.signature)

    def _specialise(self, shapes: Shapes) -> None:
        """Compiles for sizes that are known, whose kernels are faster than those that find them out at each request."""
        fixed = self._read.clone()
        with blaming(BadModel, f"OpenVINO cannot take inputs of the shapes {list(shapes.values())}"):
            fixed.reshape({place: list(shape) for place, shape in shapes.items()})
        try:
            self._compile(fixed)
            self._has_open_sizes = False
        except RuntimeError:
            # OpenVINO fails to compile some models for known sizes that it runs with the sizes left open.
            self._compile(self._read)
            self._has_open_sizes = True
        self._shapes = shapes

    def _compile(self, read: Any) -> None:
        self._compiled, self._has_no_snippets = snippets.compiled(read, self._settings)
        self._request = self._compiled.create_infer_request()


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Model:
    """Loads the .xml of a folder, with so many threads; 0 leaves their number to OpenVINO.

    Raises:
        BadModel: OpenVINO refuses it.
        MissingToolchain: OpenVINO does not import here.
    """
    check_device(device, DEVICES, user="the openvino runtime")
    require(MODULES, user="the openvino runtime")
    import openvino

    signature = formats.describe(model).signature
    with blaming(BadModel, "OpenVINO cannot load the model"):
        read = openvino.Core().read_model(formats.file_of(model))
        return Model(read, settings=settings_for(read, threads), signature=signature)


def ends(model: Path) -> tuple[str, ...]:
    """The layers whose outputs nothing but a result takes."""
    return openvino_format.ends(formats.file_of(model))


def precision_of(layers: Iterable[tuple[str, str]]) -> str:
    """In which types convolutions and products compute, or all layers if there are none.

    Args:
        layers: type and kernel of each, as OpenVINO spells them: ("Convolution", "brgconv_avx512_f32"). A layer's
            runtimePrecision will not do, for it is that of the weights as they are stored.
    """
    computed = [(kind, _computed(kernel)) for kind, kernel in layers]
    heavy = {precision for kind, precision in computed if kind in _HEAVY}
    light = {precision for kind, precision in computed if kind not in _HEAVY | _NOT_WORK} & _FLOATS
    elsewhere = {f"{each} elsewhere" for each in light} if heavy == {"int8"} else set()
    return "; ".join([*sorted(heavy or light), *sorted(elsewhere)]) or "no floating point"


def _computed(kernel: str) -> str:
    spelled = kernel.rpartition("_")[2].lower()
    return _NAMES.get(spelled, spelled)


def settings_for(read: Any, threads: int) -> dict[str, Any]:
    """How the CPU plugin is asked to run an openvino.Model; 0 threads leave their number to it."""
    wanted = (
        read.get_rt_info(list(openvino_format.PRECISION_PATH)).astype(str)
        if read.has_rt_info(list(openvino_format.PRECISION_PATH))
        else "float32"
    )
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        # Of itself OpenVINO computes float32 models in bfloat16 where the processor can.
        "INFERENCE_PRECISION_HINT": _HINTS[wanted],
    }
    return settings | ({"INFERENCE_NUM_THREADS": threads} if threads else {})


def _places(ports: Iterable[Any], names: Iterable[str]) -> dict[str, int]:
    """Name → the number of its port."""
    ports = list(ports)
    found = {name: number for name in names for number, port in enumerate(ports) if name in port.names}
    lost = set(names) - set(found)
    if lost:
        raise Internal(f"OpenVINO does not know {', '.join(sorted(lost))}")
    return found


def _fixed_shapes(ports: Iterable[Any]) -> Shapes | None:
    """The shapes that the inputs insist on; None where a size of any varies."""
    shapes = [port.get_partial_shape() for port in ports]
    if any(shape.is_dynamic for shape in shapes):
        return None
    return {place: tuple(shape.to_shape()) for place, shape in enumerate(shapes)}
