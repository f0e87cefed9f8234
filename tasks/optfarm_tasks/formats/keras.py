"""Reads a .keras file: a zip of the model's configuration and its weights."""

import io
import zipfile
from pathlib import Path
from typing import BinaryIO

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats import h5, keras_config, state
from optfarm_tasks.formats.raw import Malformed, reading

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_MOST_CONFIG_BYTES = 256 << 20
_LOCAL_HEADER_BYTES = 30


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """The model in a .keras file.

    Raises:
        BadModel: it is something else, or its class is not Keras's own.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    with path.open("rb") as stream:
        _check_kind(stream.read(8), path)
        with reading(path.name), zipfile.ZipFile(stream) as archive:
            names = {_CONFIG, _METADATA, _WEIGHTS}.difference(archive.namelist())
            if names:
                raise Malformed(f"it lacks {', '.join(sorted(names))}")
            h5.parsed(_text(archive, _METADATA))
            model = h5.parsed(_text(archive, _CONFIG))
            start, weights_bytes = _weights_at(archive, stream), archive.getinfo(_WEIGHTS).file_size
    parameters = None if start is None else h5.contents(path, start=start, size_bytes=weights_bytes).parameters
    return ModelDescription(
        format=Format.KERAS,
        signatures=(keras_config.signature(model, path),),
        size_bytes=size_bytes,
        parameters=parameters,
        ops=keras_config.layers(model),
        state=state.of_keras(model),
    )


def _check_kind(head: bytes, path: Path) -> None:
    if not head.startswith(b"PK\x03\x04"):
        raise BadModel(f"{path} is no .keras file: it begins with {head!r}, not with a zip's header; use model.save")


def _text(archive: zipfile.ZipFile, name: str) -> bytes:
    size_bytes = archive.getinfo(name).file_size
    if size_bytes > _MOST_CONFIG_BYTES:
        raise Malformed(f"its {name} claims {size_bytes} bytes")
    return archive.read(name)


def _weights_at(archive: zipfile.ZipFile, stream: BinaryIO) -> int | None:
    """Where the weights begin; None if they are compressed, which Keras does not do: a reader would unpack them all."""
    info = archive.getinfo(_WEIGHTS)
    with archive.open(info) as member:
        if info.compress_type != zipfile.ZIP_STORED:
            member.read(1)
            return None
    stream.seek(info.header_offset)
    header = stream.read(_LOCAL_HEADER_BYTES)
    start = info.header_offset + len(header) + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    there = stream.seek(0, io.SEEK_END) - start
    if there < info.file_size:
        raise Malformed(f"it is truncated: {_WEIGHTS} has {there} bytes of {info.file_size}")
    return start
