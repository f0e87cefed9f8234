"""Reads a Keras .h5 file, and the weights that a .keras file holds in the same container, without loading arrays."""

import json
import math
from pathlib import Path
from typing import Any, BinaryIO

import h5py

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import keras_config
from optfarm_tasks.formats.raw import Malformed, reading

SIGNATURE = b"\x89HDF\r\n\x1a\n"
_TRAINING = frozenset({"metrics", "optimizer", "optimizer_weights"})


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """What a .h5 file that Keras saved tells.

    Raises:
        BadModel: it is something else, or holds weights without the model.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        head = stream.read(len(SIGNATURE))
        if head != SIGNATURE:
            raise BadModel(f"{path} is no HDF5 file: it begins with {head!r}; save a Keras model as {path.name}")
        check_end(stream, size_bytes=path.stat().st_size)
    with reading(path.name), h5py.File(path, "r", locking=False) as file:
        config = file.attrs.get("model_config")
        parameters = _count(file)
    if config is None:
        raise BadModel(f"{path} holds no model_config: weights alone, or not of Keras; save it all by model.save")
    model = parsed(config)
    return ModelDescription(
        format=Format.H5,
        signatures=(keras_config.signature(model, path),),
        size_bytes=size_bytes,
        parameters=parameters,
        ops=keras_config.layers(model),
    )


def parsed(text: str | bytes) -> Any:
    """A model's configuration from its JSON.

    Raises:
        Malformed: it is not JSON.
    """
    with reading("its model configuration"):
        return json.loads(text)


def parameters(stream: BinaryIO, *, size_bytes: int) -> int:
    """The number of weights in an HDF5 file; optimizer state, metrics and seeds are none.

    Raises:
        Malformed: it is truncated or damaged.
    """
    check_end(stream, size_bytes=size_bytes)
    with reading("its weights"), h5py.File(stream, "r") as file:
        return _count(file)


def check_end(stream: BinaryIO, *, size_bytes: int) -> None:
    """Checks that the file is as long as its own header says.

    Raises:
        Malformed: it is shorter, or the header is no header.
    """
    stream.seek(0)
    head = stream.read(64)
    if head[:8] != SIGNATURE:
        raise Malformed(f"the HDF5 file begins with {head[:8]!r}; it is damaged")
    with reading("the HDF5 header"):
        end = _end(head)
    if end > size_bytes:
        raise Malformed(f"it is truncated: its header says {end} bytes, there are {size_bytes}")


def _end(head: bytes) -> int:
    """The end of file address of a superblock (HDF5 file format specification 3.0, II.A)."""
    version = head[8]
    if version not in (0, 1, 2, 3):
        raise Malformed(f"the HDF5 file has a header of version {version}; it is damaged")
    width = head[13] if version <= 1 else head[9]
    first = {0: 24, 1: 28}.get(version, 12)
    address = head[first + 2 * width : first + 3 * width]
    if width not in (4, 8) or len(address) != width:
        raise Malformed(f"the HDF5 file has addresses of {width} bytes; it is damaged")
    return int.from_bytes(address, "little")


def _count(file: Any) -> int:
    sizes: list[int] = []

    def add(name: str, item: Any) -> None:
        is_state = name.partition("/")[0] in _TRAINING or "seed_generator" in name
        if isinstance(item, h5py.Dataset) and not is_state:
            sizes.append(math.prod(item.shape or ()))

    file.visititems(add)
    return sum(sizes)
