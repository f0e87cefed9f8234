"""Files of any name: their models keep it, may get another, and share what was made of the same bytes."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.acceptance.commands import Cli


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("data") / "данные #1.npz"
    rng = np.random.default_rng(0)
    arrays = {"image": rng.normal(size=(8, 8, 8, 3)), "speed": rng.normal(size=(8, 1))}
    np.savez(file, **{f"{split}/{name}": x.astype(np.float32) for name, x in arrays.items() for split in ("test",)})
    return file


@pytest.fixture
def models(tiny_models: Path, data: Path) -> tuple[Path, Path]:
    """The folder of the models, and one for copies of them, where the data set lies under two names."""
    shutil.copy(data, data.parent / "again.npz")
    return tiny_models, data.parent


def swept(farm: Cli, model: Path, data: Path, recipe: str) -> dict[str, Any]:
    words = ("sweep", "run", str(model), "--data", str(data), "--recipe", recipe, "--effort", "quick")
    ended = farm.run(*words, "--wait", "--json")
    found: dict[str, Any] = json.loads(ended.out)
    return found


@pytest.mark.parametrize(
    ("source", "renamed", "recipe"),
    [
        ("float32.tflite", "модель 1.tflite", "openvino"),
        ("keras_functional.keras", "é.keras", "baseline"),
        ("tf_keras_functional.h5", "内.h5", "baseline"),
    ],
)
def test_the_same_bytes_under_another_file_name_are_measured_once(
    farm: Cli, models: tuple[Path, Path], source: str, renamed: str, recipe: str
) -> None:
    tiny_models, folder = models
    shutil.copy(tiny_models / source, folder / renamed)

    first = swept(farm, tiny_models / source, folder / "данные #1.npz", recipe)
    second = swept(farm, folder / renamed, folder / "again.npz", recipe)

    assert second["model"] == Path(renamed).stem
    assert {row["state"] for row in first["rows"]} == {"done"}, first["rows"]
    assert all(row["cached"] for row in second["rows"])
    assert [row["artifact"] for row in first["rows"]] == [row["artifact"] for row in second["rows"]]


def test_onnx_files_are_known_by_their_bytes_too(farm: Cli, exchange_models: Path, tmp_path: Path) -> None:
    source = next(file for file in sorted(exchange_models.glob("*.onnx")))
    renamed = shutil.copy(source, tmp_path / "ещё раз.onnx")

    pushed = [farm.json("model", "push", str(path)) for path in (source, renamed)]

    assert pushed[0]["digest"] == pushed[1]["digest"]
    assert pushed[1]["name"] == "ещё раз"


def test_what_is_renamed_is_found_by_its_new_name_only(farm: Cli, tiny_models: Path, data: Path) -> None:
    farm.ok("model", "push", str(tiny_models / "int8.tflite"), "--name", "inner?x#1")
    farm.ok("data", "push", str(data), "--name", "before")
    receipt = farm.json("sweep", "run", "inner?x#1", "--recipe", "baseline", "--effort", "quick")

    farm.ok("model", "rename", "inner?x#1", "%69nner")
    farm.ok("data", "rename", "before", "after wards")
    farm.ok("sweep", "rename", receipt["id"], "проба")

    assert farm.json("model", "show", "%69nner")["name"] == "%69nner"
    assert farm.run("model", "show", "inner?x#1").code == 3
    assert "after wards" in {each["name"] for each in farm.json("data", "list")}
    (listed,) = (each for each in farm.json("sweep", "list") if each["id"] == receipt["id"])
    assert (listed["label"], listed["model"]) == ("проба", "%69nner")
    assert "проба" in farm.ok("sweep", "list")
    farm.run("sweep", "cancel", receipt["id"])


def test_a_push_says_which_model_its_name_meant_until_then(farm: Cli, tiny_models: Path) -> None:
    before = farm.json("model", "push", str(tiny_models / "float32.tflite"), "--name", "moving")

    ended = farm.run("model", "push", str(tiny_models / "offsets.tflite"), "--name", "moving")

    assert f"moving meant something else until now, which is still there as {before['digest']}" in ended.err
