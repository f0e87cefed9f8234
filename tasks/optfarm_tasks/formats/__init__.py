"""Reads what a model's files say of the model without any framework, so that a bad upload is refused at once."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.errors import BadModel
from optfarm_tasks.formats.raw import Malformed

_SUFFIXES = {
    ".keras": Format.KERAS,
    ".h5": Format.H5,
    ".hdf5": Format.H5,
    ".tflite": Format.TFLITE,
    ".pb": Format.FROZEN_GRAPH,
    ".onnx": Format.ONNX,
    ".xml": Format.OPENVINO,
    ".pt2": Format.PT2,
    ".engine": Format.TENSORRT,
    ".coded": Format.CODED,
}
_PICKLED = frozenset({".pt", ".pth", ".pkl"})
_KEEPING_APART = frozenset({Format.ONNX, Format.OPENVINO, Format.TENSORRT})
"""Formats whose one file may need others beside it: its weights, or what is known of it."""
_KERAS_HEADS = {b"PK\x03\x04": Format.KERAS, b"\x89HDF": Format.H5}
"""Keras 2.12 saved HDF5 under .keras as well, so of these two the content tells the format."""
_GRAPH_FILE = "saved_model.pb"
_TAKEN = "a SavedModel folder (with saved_model.pb), or one file .keras, .h5, .hdf5, .tflite, .onnx, .xml, .pt2 or .pb"


def detect(folder: Path) -> Format:
    """The format of the model in a folder.

    Raises:
        BadModel: there is no model, more than one, or one of a format that is not taken.
    """
    return _found(folder)[0]


def file_of(folder: Path) -> Path:
    """The one file of the model in a folder, beside which its weights may lie in others; of a SavedModel, the folder.

    Raises:
        BadModel: as `detect`.
    """
    return _found(folder)[1]


def describe(path: Path) -> ModelDescription:
    """A model as its files describe it: signatures, size, number of weights, ops.

    Arrays are not read, and no byte is trusted: every length is checked against the file.

    Args:
        path: the model's folder, or its one file.

    Raises:
        BadModel: there is no model, more than one, one of a format that is not taken, or it is truncated or damaged.
            The message says what was seen and what to do.
    """
    kind, place = _found(path)
    with _refused(place):
        described: ModelDescription = _reader(kind).describe(place, size_bytes=_size_bytes(path))
        return described


def files(path: Path) -> tuple[str, ...]:
    """The files of a model that is given as its one file, relative to their folder: itself, and those of its weights.

    Raises:
        BadModel: as `describe`.
    """
    kind, place = _found(path)
    if kind not in _KEEPING_APART:
        return (path.name,)
    with _refused(place):
        companions: tuple[str, ...] = _reader(kind).companions(place)
        return (path.name, *companions)


@contextmanager
def _refused(place: Path) -> Iterator[None]:
    try:
        yield
    except Malformed as error:
        raise BadModel(f"{place}: {error}. Copy or export the model again") from error
    except OSError as error:
        raise BadModel(f"{place} cannot be read: {error.strerror or error}") from error


def _found(path: Path) -> tuple[Format, Path]:
    """The format, and the file or SavedModel folder to read."""
    if path.is_dir():
        return _in_folder(path)
    if not path.exists():
        raise BadModel(f"there is no {path}; a model is {_TAKEN}")
    if path.name == _GRAPH_FILE:
        raise BadModel(f"{path} is a part of a SavedModel; name its folder instead: {path.parent}")
    return _by_suffix(path), path


def _in_folder(folder: Path) -> tuple[Format, Path]:
    models = [_kind(path) for path in _listed(folder)]
    found = [model for model in models if model is not None]
    if any(kind is Format.SAVED_MODEL for kind, _ in found):
        # Beside saved_model.pb lie fingerprint.pb and keras_metadata.pb, which are no models.
        found = [model for model in found if model[0] is not Format.FROZEN_GRAPH]
    if len(found) > 1:
        names = ", ".join(sorted(path.name for _, path in found))
        raise BadModel(f"{folder} holds {len(found)} models ({names}); put each into a folder of its own")
    if not found:
        raise BadModel(_nothing(folder))
    kind, path = found[0]
    if kind is not Format.SAVED_MODEL:
        return kind, path
    with _refused(path):
        return (Format.TFTRT if _reader(Format.TFTRT).holds_engines(path) else kind), folder


def _kind(path: Path) -> tuple[Format, Path] | None:
    if path.name == _GRAPH_FILE:
        return Format.SAVED_MODEL, path
    return (_format(path), path) if path.suffix.lower() in _SUFFIXES else None


def _format(path: Path) -> Format:
    kind = _SUFFIXES[path.suffix.lower()]
    if kind not in _KERAS_HEADS.values() or not path.is_file():
        return kind
    with _refused(path), path.open("rb") as stream:
        return _KERAS_HEADS.get(stream.read(4), kind)


def _nothing(folder: Path) -> str:
    entries = _listed(folder, files_only=False)
    if not entries:
        return f"{folder} is an empty folder; a model is {_TAKEN}"
    below = [entry for entry in entries if entry.is_dir() and any(map(_kind, _listed(entry)))]
    if below:
        return f"{folder} holds no model itself; did you mean {below[0]}?"
    for entry in entries:
        if entry.suffix.lower() in _PICKLED:
            return _pickled(entry)
    seen = ", ".join(entry.name for entry in entries[:5]) + (" …" if len(entries) > 5 else "")  # noqa: PLR2004 (a line)
    return f"{folder} holds no model, but {seen}; a model is {_TAKEN}"


def _by_suffix(path: Path) -> Format:
    suffix = path.suffix.lower()
    if suffix in _PICKLED:
        raise BadModel(_pickled(path))
    if suffix not in _SUFFIXES:
        raise BadModel(f"{path} has the suffix {suffix!r}; a model is {_TAKEN}")
    return _format(path)


def _pickled(path: Path) -> str:
    return (
        f"{path} is a pickle of PyTorch: it has no graph, and reading it runs code; export the model and save that "
        f"with torch.export.save as .pt2"
    )


def _listed(folder: Path, *, files_only: bool = True) -> list[Path]:
    try:
        entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise BadModel(f"{folder} cannot be read: {error.strerror}") from error
    return [entry for entry in entries if entry.is_file() or not files_only]


def _size_bytes(path: Path) -> int:
    listed = path.rglob("*") if path.is_dir() else (path.parent / name for name in files(path))
    return sum(each.stat().st_size for each in listed if each.is_file())


def _reader(kind: Format) -> Any:
    """The reader of a format: the module of its name, imported when it is used to keep commands quick to start."""
    return importlib.import_module(f"{__name__}.{kind}")
