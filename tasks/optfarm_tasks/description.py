"""What a model or a data set looks like from outside: formats, signatures, splits."""

from enum import StrEnum

from pydantic import Field

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
        return next((each.shape[0] for each in self.inputs if each.shape and each.shape[0] is not None), None)


class ModelDescription(Value):
    """What a model's files say without any framework. The first signature is the one that is run."""

    format: Format
    signatures: tuple[Signature, ...] = Field(min_length=1)
    size_bytes: int = Field(ge=0)
    parameters: int | None = None
    """Number of weights; None where the format does not say it."""
    ops: dict[str, int] = Field(default_factory=dict)
    """Op type → number of nodes; empty where the format does not say it."""

    @property
    def signature(self) -> Signature:
        """The signature that the farm runs."""
        return self.signatures[0]


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
