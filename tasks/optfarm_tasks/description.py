"""What a model or a data set looks like from outside: formats, signatures, splits."""

from collections.abc import Mapping
from enum import StrEnum

from pydantic import Field

from optfarm_tasks.schema.feeding import NOTHING, Feeding
from optfarm_tasks.schema.value import Value

Shape = tuple[int | None, ...]
"""A tensor's shape; None stands for a dimension that varies, such as the batch."""


class Format(StrEnum):
    """How a model lies on disk. A model is a folder: a SavedModel, or a folder with one file of its format."""

    SAVED_MODEL = "saved_model"
    KERAS = "keras"
    H5 = "h5"
    TFLITE = "tflite"
    FROZEN_GRAPH = "frozen_graph"
    ONNX = "onnx"
    OPENVINO = "openvino"
    PT2 = "pt2"
    TFTRT = "tftrt"
    """A SavedModel some of whose nodes stand for engines of TensorRT."""
    TENSORRT = "tensorrt"
    CODED = "coded"


FINAL_FORMATS = frozenset(Format)
"""The formats that a recipe may end in: a runtime runs each, or runs what a Keras file is exported to."""

KERAS_FORMATS = frozenset({Format.KERAS, Format.H5})
"""What Keras saves; no runtime takes it before it is exported."""


class Tensor(Value):
    """A named input or output. Quantised tensors say how integers map to real numbers."""

    name: str
    dtype: str
    """A NumPy name (float32, int8 …), or "string"."""
    shape: Shape | None
    """None when even the rank is unknown."""
    scale: float | None = None
    zero_point: int | None = None
    batch_axis: int | None = Field(default=0, exclude_if=lambda it: it == 0)
    """Which axis counts the samples; None where none does, so that one value serves a whole batch."""

    @property
    def axis(self) -> int | None:
        """As `batch_axis`; a single value has none."""
        return None if self.shape == () else self.batch_axis

    @property
    def sample_shape(self) -> Shape | None:
        """The shape of one sample; None when even the rank is unknown."""
        if self.shape is None or self.axis is None:
            return self.shape
        return self.shape[: self.axis] + self.shape[self.axis + 1 :]

    @property
    def fixed_batch(self) -> int | None:
        """The number of samples that it insists on; None where it varies."""
        return self.shape[self.axis] if self.shape and self.axis is not None else None

    def __str__(self) -> str:
        """Prints as a reader of a signature expects: name: float32[?, 224, 224, 3]."""
        sizes = "…" if self.shape is None else ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.name}: {self.dtype}[{sizes}]"


class Signature(Value):
    """The way a model is called. Outputs are empty where the format does not name them without loading."""

    name: str = "serving_default"
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...] = ()
    optional: tuple[Tensor, ...] = ()
    """Inputs with a default, which stands: they are not fed."""

    @property
    def fixed_batch(self) -> int | None:
        """The only batch that the model takes; None where it varies."""
        return next((each.fixed_batch for each in self.inputs if each.fixed_batch is not None), None)

    def with_batch_axes(self, axes: Mapping[str, int | None]) -> "Signature":
        """The same with the axes of some of its inputs and outputs that count samples."""
        if not axes:
            return self
        sides = (self.inputs, self.outputs, self.optional)
        inputs, outputs, optional = (
            tuple(each.model_copy(update={"batch_axis": axes.get(each.name, 0)}) for each in side) for side in sides
        )
        return self.model_copy(update={"inputs": inputs, "outputs": outputs, "optional": optional})


class ModelDescription(Value):
    """What a model's files say without any framework. The first signature is the one that is run."""

    format: Format
    signatures: tuple[Signature, ...] = Field(min_length=1)
    size_bytes: int = Field(ge=0)
    parameters: int | None = None
    """Number of weights; None where the format does not say it."""
    ops: dict[str, int] = Field(default_factory=dict)
    """Op type → number of nodes; empty where the format does not say it."""
    state: tuple[str, ...] = Field(default=(), exclude_if=lambda it: not it)
    """What it keeps from one call to the next: variables, layers, or the ops that change them."""
    feeding: Feeding = Field(default=NOTHING, exclude_if=lambda it: it == NOTHING)
    """How it is called, as people said when they pushed it; the first signature is as that makes it."""

    @property
    def is_quantised(self) -> bool:
        """Whether ops say that it computes in integers, or is to be."""
        return bool(_QUANTISED & self.ops.keys())

    @property
    def signature(self) -> Signature:
        """The signature that the farm runs."""
        return self.signatures[0]


_ONNX = "QuantizeLinear DequantizeLinear DynamicQuantizeLinear QLinearConv QLinearMatMul ConvInteger MatMulInteger"
_OTHER = "QUANTIZE DEQUANTIZE FakeQuantize FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel"
_TORCH = "quantize_per_tensor quantize_per_channel dequantize_per_tensor dequantize_per_channel"
_DECOMPOSED = " ".join(f"quantized_decomposed.{each}" for each in _TORCH.split())
_QUANTISED = frozenset(f"{_ONNX} {_OTHER} {_DECOMPOSED}".split())


class Split(Value):
    """One part of a data set: arrays whose first axis counts the samples."""

    count: int = Field(ge=1)
    inputs: tuple[Tensor, ...]
    """Shapes without the sample axis."""
    labels: Tensor | None = None
    classes: tuple[int, int] | None = Field(default=None, exclude_if=lambda it: it is None)
    """The least and the greatest of labels that are whole numbers."""
    is_one_hot: bool = Field(default=False, exclude_if=lambda it: not it)
    """Whether each row of the labels is a one among zeros."""


class DataDescription(Value):
    """A data set by split; `test` is scored, `calibration` feeds techniques that need activations."""

    splits: dict[str, Split]
    size_bytes: int = Field(ge=0)
