"""Reads a Keras .h5 file, and the weights that a .keras file holds in the same container, without loading arrays."""

import json
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import keras_config, state
from optfarm_tasks.formats.raw import Malformed, reading

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_READER = Path(__file__).with_name("hdf5_reader.py")
_DEADLINE_S = 20.0


@dataclass(frozen=True)
class Contents:
    """What an HDF5 file holds of a Keras model."""

    config: str | None
    parameters: int


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The model in a .h5 file that Keras saved.

    Raises:
        BadModel: it is something else, or holds weights without the model.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(len(SIGNATURE))
    if head != SIGNATURE:
        raise BadModel(f"{path} is no HDF5 file: it begins with {head!r}; save a Keras model as {path.name}")
    found = contents(path, start=0, size_bytes=path.stat().st_size)
    if found.config is None:
        raise BadModel(f"{path} holds no model_config: weights alone, or not of Keras; save it all by model.save")
    model = parsed(found.config)
    return ModelDescription(
        format=Format.H5,
        signatures=(keras_config.signature(model, path),),
        size_bytes=size_bytes,
        parameters=found.parameters,
        ops=keras_config.layers(model),
        state=state.of_keras(model),
    )


def parsed(text: str | bytes) -> Any:
    """A model's configuration from its JSON.

    Raises:
        Malformed: it is not JSON.
    """
    with reading("its model configuration"):
        return json.loads(text)


def contents(path: Path, *, start: int, size_bytes: int, deadline_s: float = _DEADLINE_S) -> Contents:
    """The content of the HDF5 file in a part of a file; read in a process of its own, for the library may never return.

    Raises:
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    stat = path.stat()
    return _contents(path, start, size_bytes, deadline_s, (stat.st_ino, stat.st_size, stat.st_mtime_ns))


@lru_cache(maxsize=4)
def _contents(path: Path, start: int, size_bytes: int, deadline_s: float, _stamp: tuple[int, ...]) -> Contents:
    """Read once as long as the file stays the same: a task describes its model several times."""
    with path.open("rb") as stream:
        _check_end(stream, start=start, size_bytes=size_bytes)
    command = [sys.executable, "-I", str(_READER), str(path), str(start), str(size_bytes)]
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=deadline_s)
    except subprocess.TimeoutExpired as error:
        raise Malformed(f"its HDF5 part is damaged: reading it did not end in {deadline_s:g} s") from error
    if done.returncode:
        seen = done.stderr.strip().rpartition("\n")[2] or f"its reader ended with {done.returncode}"
        raise Malformed(f"its HDF5 part is truncated or damaged ({seen})")
    return Contents(**json.loads(done.stdout))


def _check_end(stream: BinaryIO, *, start: int, size_bytes: int) -> None:
    """Checks that the file is as long as its own header says."""
    stream.seek(start)
    head = stream.read(64)
    if head[:8] != SIGNATURE:
        raise Malformed(f"its HDF5 part begins with {head[:8]!r}; it is damaged")
    with reading("its HDF5 header"):
        end = _end(head)
    if end > size_bytes:
        raise Malformed(f"it is truncated: its header says {end} bytes, there are {size_bytes}")


def _end(head: bytes) -> int:
    """The end of file address of a superblock (HDF5 file format specification 3.0, II.A)."""
    version = head[8]
    if version not in (0, 1, 2, 3):
        raise Malformed(f"its HDF5 header is of version {version}; it is damaged")
    width = head[13] if version <= 1 else head[9]
    first = {0: 24, 1: 28}.get(version, 12)
    address = head[first + 2 * width : first + 3 * width]
    if width not in (4, 8) or len(address) != width:
        raise Malformed(f"its HDF5 addresses have {width} bytes; it is damaged")
    return int.from_bytes(address, "little")
