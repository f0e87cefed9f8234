"""Checks a model or a data set on this machine before a byte of it is sent."""

from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from optfarm.errors import BadRequest
from optfarm_tasks.data_sets.data import check_names, describe_data
from optfarm_tasks.formats import describe, files
from optfarm_tasks.formats.called import called
from optfarm_tasks.schema.catalog import NewData, NewModel
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.feeding import NOTHING, Feeding
from optfarm_tasks.schema.name import name_fault, normal
from optfarm_tasks.schema.tree import File, Tree, file_digest, scan

_DATA_FILE = "data.npz"


def new_model(path: Path, name: str | None, feeding: Feeding = NOTHING) -> NewModel:
    """Reads and hashes a model: a SavedModel folder, or a .keras, .h5, .tflite, .onnx, .xml or .pb file.

    Weights that the file keeps in others beside it are taken along.

    Raises:
        BadRequest: there is nothing at the path, or its name cannot be a model's name.
        BadModel: what is there is no model that the farm takes.
        BadParameter: it cannot be called so.
    """
    _require_there(path, "model")
    description = called(describe(path), feeding)
    return NewModel(name=_name(path, name), tree=_tree(path), description=description)


def new_data(path: Path, name: str | None) -> NewData:
    """Reads and hashes a data set: an .npz file, or a folder with data.npz.

    Raises:
        BadRequest: there is nothing at the path, or its name cannot be a data set's name.
        BadData: what is there is no data set that the farm takes.
    """
    _require_there(path, "data set")
    file = data_file(path)
    check_names(file)
    description = describe_data(file)
    tree = Tree(files=(File(path=_DATA_FILE, sha256=file_digest(file), size_bytes=file.stat().st_size),))
    return NewData(name=_name(path, name), tree=tree, description=description)


def path_meant(text: str, base: Path | None = None) -> Path | None:
    """The path that is meant, whether or not anything lies there; None for the name of something pushed before.

    Args:
        text: what people wrote.
        base: a folder in which a path is looked for too.
    """
    for candidate in (Path(text), *([base / text] if base else [])):
        if candidate.exists():
            return candidate
    is_path = "/" in text or Path(text).suffix in {".keras", ".h5", ".hdf5", ".tflite", ".npz", ".onnx", ".pb", ".xml"}
    return Path(text) if is_path else None


def data_file(path: Path) -> Path:
    """The .npz of a data set that is given as a file or as a folder."""
    return path / _DATA_FILE if path.is_dir() else path


def _require_there(path: Path, what: str) -> None:
    if not path.exists():
        raise BadRequest(f"there is no {what} at {path}")
    if path.is_dir() and not any(path.iterdir()):
        raise BadRequest(f"{path} is an empty folder, not a {what}")


def _tree(path: Path) -> Tree:
    try:
        if path.is_dir():
            _refuse_links_out(path, path.rglob("*"))
            return scan(path)
        names = sorted(files(path))
        _refuse_links_out(path.parent, (path.parent / name for name in names if name != path.name))
        return Tree(files=tuple(_file(path.parent, name) for name in names))
    except ValidationError as error:
        raise BadRequest(f"{path} holds a file whose name the farm does not take: {text_of(error)}") from error


def _refuse_links_out(folder: Path, paths: Iterable[Path]) -> None:
    """Passes when no link leads out of a folder: one from elsewhere may name any file of whoever pushes it.

    Raises:
        BadRequest: one does; it is named with where it leads.
    """
    inside = folder.resolve()
    for path in paths:
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise BadRequest(
                f"{path} is a link out of its folder, to {path.resolve()}; if that is to be sent, push a copy without "
                f"links (cp -rL {folder} COPY)"
            )


def _file(folder: Path, name: str) -> File:
    return File(path=name, sha256=file_digest(folder / name), size_bytes=(folder / name).stat().st_size)


def _name(path: Path, name: str | None) -> str:
    whole = path.resolve()
    wanted = normal(name if name is not None else whole.name if whole.is_dir() else whole.stem)
    fault = name_fault(wanted)
    if fault is None:
        return wanted
    if name is not None:
        raise BadRequest(f"--name {name!r} is no name: {fault}")
    raise BadRequest(f"{path} cannot give its own name: {fault}; give it another with --name")
