"""Reads what the farm wrote down beside an engine of TensorRT: the engine itself is its own library's secret.

An engine is model.engine with model.json beside it. It runs on the kind of GPU that it was built for, under the very
version that built it; both stand in the JSON, so that it is refused elsewhere before a library is given its bytes.
"""

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from optfarm_tasks.description import Format, ModelDescription, Signature
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import Malformed, view
from optfarm_tasks.schema.faults import faults_of
from optfarm_tasks.schema.value import Value, WireMessage

Builder = Literal["tensorrt", "tensorrt-rtx"]

_MOST_BYTES = 16 << 20
"""Of the JSON: what is said of an engine of ten thousand layers takes less."""


class Sizes(Value):
    """The shapes that an input may have, and those for which kernels were chosen."""

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]


class Engine(WireMessage):
    """What is known of an engine without its library."""

    builder: Builder
    version: str
    """Of the builder; no other version runs it."""
    compute_capability: str
    """Of the GPUs that it was built for, such as 8.9."""
    gpu_name: str = ""
    """Of the GPU on which its kernels were timed; empty where they are compiled on the GPU that runs them."""
    precision: str
    """The types that its network was given in."""
    signature: Signature
    profile: dict[str, Sizes] = Field(default_factory=dict)
    """Input → its shapes, of those in which a size varies."""
    parameters: int
    ops: dict[str, int]
    """Of the graph that it was built from."""
    uses_cuda_graph: bool = False
    """Whether its kernels are to be launched as one CUDA graph."""
    sha256: str
    size_bytes: int


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The engine in a .engine and a .json file.

    Raises:
        BadModel: there is no .json, or it describes something else.
        Malformed: one of the files is truncated or damaged.
        OSError: one cannot be read.
    """
    engine = read(path)
    return ModelDescription(
        format=Format.TENSORRT,
        signatures=(engine.signature,),
        size_bytes=size_bytes,
        parameters=engine.parameters,
        ops=engine.ops,
    )


def companions(path: Path) -> tuple[str, ...]:
    """The other files of the engine, relative to its folder."""
    return (_record(path).name,)


def write(path: Path, data: Any, **known: Any) -> Engine:
    """Writes an engine's bytes, and what is known of it beside them."""
    path.write_bytes(data)
    engine = Engine(sha256=_digest(path), size_bytes=path.stat().st_size, **known)
    _record(path).write_text(engine.model_dump_json(indent=2))
    return engine


def read(path: Path) -> Engine:
    """What is known of an engine.

    Raises:
        BadModel, Malformed, OSError: as `describe`.
    """
    record = _record(path)
    if not record.is_file():
        raise BadModel(
            f"{path} lies without {record.name}, which says what GPU it is for; engines are built by the farm, "
            f"on each host its own: give it the ONNX model"
        )
    if record.stat().st_size > _MOST_BYTES:
        raise BadModel(f"{record} is no description of an engine: it has {record.stat().st_size} bytes")
    try:
        engine = Engine.model_validate_json(record.read_bytes())
    except ValidationError as error:
        raise Malformed(f"{record.name} is damaged or something else: {faults_of(error)[0]}") from error
    seen = len(view(path))
    if seen != engine.size_bytes:
        raise Malformed(f"it is truncated or another engine's: it has {seen} bytes, and {engine.size_bytes} are due")
    return engine


def whole(path: Path, engine: Engine) -> bytes:
    """The bytes of an engine, once they are known to be those that were written.

    Raises:
        BadModel: they are others.
    """
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != engine.sha256:
        raise BadModel(f"{path} is damaged: its bytes are not those that were built; build it again")
    return data


def _record(path: Path) -> Path:
    return path.with_suffix(".json")


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
