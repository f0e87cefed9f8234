"""Bad models and data sets, pushed as a user types it: a clear error at once, exit code 2, nothing sent."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.commands import Cli

AWAY = {"OPTFARM_URL": "http://127.0.0.1:9", "OPTFARM_RETRY_S": "30"}
"""No farm at all: what is refused here was refused before a byte was sent."""


def check_refused(cli: Cli, noun: str, path: Path) -> None:
    ended = cli.run(noun, "push", str(path), timeout_s=20, **AWAY)

    assert ended.code == 2, ended.err
    assert ended.err.startswith("error: ")
    assert "Traceback" not in ended.err


def nothing(folder: Path) -> Path:
    return folder / "none"


def empty_folder(folder: Path) -> Path:
    (folder / "model").mkdir()
    return folder / "model"


def folder_without_a_model(folder: Path) -> Path:
    (folder / "notes.txt").write_text("no model here")
    return folder


def truncated_saved_model(folder: Path) -> Path:
    (folder / "saved_model.pb").write_bytes(b"\x08\x01\x12\xff\xff\x7f")
    (folder / "variables").mkdir()
    return folder


def truncated_tflite(folder: Path) -> Path:
    (folder / "model.tflite").write_bytes(b"\x1c\x00\x00\x00TFL3\x14\x00")
    return folder / "model.tflite"


def text_as_h5(folder: Path) -> Path:
    (folder / "model.h5").write_text("this is no HDF5 file")
    return folder / "model.h5"


def text_as_keras(folder: Path) -> Path:
    (folder / "model.keras").write_text("this is no archive")
    return folder / "model.keras"


def empty_file(folder: Path) -> Path:
    (folder / "model.tflite").touch()
    return folder / "model.tflite"


@pytest.mark.parametrize(
    "make",
    [
        nothing,
        empty_folder,
        folder_without_a_model,
        truncated_saved_model,
        truncated_tflite,
        text_as_h5,
        text_as_keras,
        empty_file,
    ],
)
def test_what_is_no_model_is_refused_at_once(make: Callable[[Path], Path], tmp_path: Path) -> None:
    check_refused(Cli(tmp_path), "model", make(tmp_path))


def save(folder: Path, **arrays: np.ndarray) -> Path:
    np.savez(folder / "data.npz", **arrays)
    return folder / "data.npz"


def nan_data(folder: Path) -> Path:
    return save(folder, **{"test/x": np.array([[1.0, np.nan]], np.float32)})


def uneven_data(folder: Path) -> Path:
    return save(folder, **{"test/x": np.ones((3, 2), np.float32), "test/labels": np.ones(2, np.int64)})


def no_samples(folder: Path) -> Path:
    return save(folder, **{"test/x": np.ones((0, 2), np.float32)})


def pickled_data(folder: Path) -> Path:
    np.savez(folder / "data.npz", **{"test/x": np.array([{"a": 1}], dtype=object)})
    return folder / "data.npz"


def text_as_npz(folder: Path) -> Path:
    (folder / "data.npz").write_text("no arrays")
    return folder / "data.npz"


@pytest.mark.parametrize("make", [nothing, empty_folder, nan_data, uneven_data, no_samples, pickled_data, text_as_npz])
def test_what_is_no_data_set_is_refused_at_once(make: Callable[[Path], Path], tmp_path: Path) -> None:
    check_refused(Cli(tmp_path), "data", make(tmp_path))


def test_a_name_that_cannot_be_one_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path, **{"test/x": np.ones((3, 2), np.float32)})

    ended = Cli(tmp_path).run("data", "push", str(file), "--name", "a/b", **AWAY)

    assert ended.code == 2
    assert "'a/b' is no name" in ended.err


def test_a_farm_that_is_away_is_waited_for_and_told(tmp_path: Path) -> None:
    file = save(tmp_path, **{"test/x": np.ones((3, 2), np.float32)})

    ended = Cli(tmp_path).run("data", "push", str(file), OPTFARM_URL="http://127.0.0.1:9", OPTFARM_RETRY_S="1")

    assert ended.code == 4
    assert "retrying" in ended.err
    assert "unreachable" in ended.err
