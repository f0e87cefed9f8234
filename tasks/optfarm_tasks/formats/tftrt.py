"""Reads a SavedModel with TensorRT engines in it, and what the farm wrote beside it when it made them."""

import re
from pathlib import Path

from pydantic import Field, ValidationError

from optfarm_tasks.description import Format, ModelDescription, Signature, Tensor
from optfarm_tasks.formats import saved_model
from optfarm_tasks.formats.raw import Malformed, view
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.feeding import BatchAxes
from optfarm_tasks.schema.value import Value

ENGINE = "TRTEngineOp"
"""The op that a segment of the graph becomes."""
_NAME = re.compile(ENGINE.encode())
_RECORD = "assets.extra/optfarm.json"
"""TensorFlow leaves this folder of a SavedModel to others."""


class Built(Value):
    """What the engines of an artifact were made for; on anything else TensorFlow computes their segments itself."""

    batch: int = Field(ge=1)
    batch_axes: BatchAxes = Field(default_factory=dict)
    """Inputs and outputs whose samples do not lie along the first axis."""
    ahead: bool
    """Whether the engines lie in the files; else each is built at the first request."""
    gpu: str
    compute_capability: str
    tensorrt: str


def holds_engines(file: Path) -> bool:
    """Whether a saved_model.pb has segments for TensorRT; those without are told by a search for the op's name.

    Raises:
        Malformed: it has the name, and cannot be read.
        OSError: it cannot be read.
    """
    if not file.stat().st_size or not _NAME.search(view(file)):
        return False
    return ENGINE in saved_model.describe(file.parent, size_bytes=0).ops


def describe(folder: Path, *, size_bytes: int) -> ModelDescription:
    """The model in the files of a SavedModel with engines; where they are for one batch, that is the model's.

    Raises:
        BadModel, Malformed, OSError: as `saved_model.describe`; or what the farm wrote is damaged.
    """
    described = saved_model.describe(folder, size_bytes=size_bytes)
    record, (main, *others) = built(folder), described.signatures
    if record is not None:
        main = at_batch(main.with_batch_axes(record.batch_axes), record.batch)
    return described.model_copy(update={"format": Format.TFTRT, "signatures": (main, *others)})


def built(folder: Path) -> Built | None:
    """What the engines in a folder were made for; None where somebody else made them.

    Raises:
        Malformed: what the farm wrote is damaged.
        OSError: it cannot be read.
    """
    file = folder / _RECORD
    if not file.exists():
        return None
    try:
        return Built.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise Malformed(f"{_RECORD} is damaged: {text_of(error)}") from error


def record(folder: Path, made: Built) -> None:
    """Writes down in a SavedModel's folder what its engines were made for."""
    file = folder / _RECORD
    file.parent.mkdir(exist_ok=True)
    file.write_text(made.model_dump_json())


def at_batch(signature: Signature, batch: int) -> Signature:
    """The signature with a batch in place of one that varies."""
    sides = {"inputs": signature.inputs, "outputs": signature.outputs}
    fixed = {side: tuple(_fixed(each, batch) for each in tensors) for side, tensors in sides.items()}
    return signature.model_copy(update=fixed)


def _fixed(tensor: Tensor, batch: int) -> Tensor:
    if not tensor.shape or tensor.axis is None or tensor.shape[tensor.axis] is not None:
        return tensor
    shape = (*tensor.shape[: tensor.axis], batch, *tensor.shape[tensor.axis + 1 :])
    return tensor.model_copy(update={"shape": shape})
