"""Models as Keras versions from 2.2.4 on saved them, recorded by `make compat` with what they gave then."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.recorded import FOLDER
from tests.zoo.entries import Arrays, Feed, Truth, add


def _arrays(stored: Path, kind: str) -> Arrays:
    """The inputs or the outputs, in the model's order."""
    with np.load(stored) as file:
        return {name.removeprefix(kind): file[name] for name in file if name.startswith(kind)}


def _feed(recorded: NDArray[Any]) -> Feed:
    """As often the recorded samples as are asked for; those of the test are these alone."""
    return Feed(recorded.shape[1:], str(recorded.dtype), lambda _rng, size: np.resize(recorded, size))


def _build(source: Path, outputs: Arrays, folder: Path) -> Truth:
    shutil.unpack_archive(source, folder)
    return lambda _inputs: outputs


def _add(stored: Path, source: Path) -> None:
    way = source.name.split(".")[1]
    inputs, outputs = _arrays(stored, "inputs/"), _arrays(stored, "outputs/")
    if way == "export":
        outputs = {f"output_{at}": array for at, array in enumerate(outputs.values())}
    name = f"recorded_{stored.stem}_{stored.parent.name}_{way}".replace("-", "_").replace(".", "_")
    feeds = {key: _feed(array) for key, array in inputs.items()}
    tags = "recorded keras_file" if way in ("keras", "h5") else "recorded"
    add(name, feeds, partial(_build, source, outputs), tags=tags)


for _stored in sorted((FOLDER / "keras").glob("*/*.npz")):
    for _source in sorted(_stored.parent.glob(f"{_stored.stem}.*.tar.xz")):
        _add(_stored, _source)
