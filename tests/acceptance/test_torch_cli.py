"""An exported program of PyTorch on a farm whose worker has the toolchain torch, and on one whose worker has not."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.acceptance.commands import Cli
from tests.integration.scripts import python_of

MODEL = str(Path(__file__).parents[1] / "recorded/torch/named/model.pt2")
FORMS = {"baseline": "torch", "torch-onnx": "onnxruntime", "torch-int8-dynamic": "torch"}
"""Recipe → the runtime of what it makes."""


@pytest.fixture(scope="module")
def torch_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A farm whose worker has both toolchains."""
    cli = Cli(tmp_path_factory.mktemp("torch-farm"))
    cli.ok("up", timeout_s=60, OPTFARM_TOOLCHAINS=json.dumps({"torch": python_of("torch")}))
    yield cli
    cli.ok("down", timeout_s=60)


def test_every_form_stands_in_one_table_against_pytorch(torch_farm: Cli, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    inputs = {"given_x": random.normal(size=(16, 8)).astype("f4"), "given_count": np.ones((16, 3), np.int32)}
    np.savez(tmp_path / "data.npz", **{f"test/{name}": array for name, array in inputs.items()})
    recipes = [word for recipe in FORMS if recipe != "baseline" for word in ("--recipe", recipe)]
    receipt = torch_farm.json(
        "sweep", "run", MODEL, *recipes, "--data", str(tmp_path / "data.npz"), "--effort", "quick"
    )
    torch_farm.run("sweep", "watch", receipt["id"])

    rows = {row["recipe"]: row for row in torch_farm.json("report", receipt["id"])["rows"]}

    assert {row["state"] for row in rows.values()} == {"done"}, rows
    assert {recipe: row["measurement"]["runtime"] for recipe, row in rows.items()} == FORMS
    assert rows["torch-onnx"]["quality"]["nmse"] < 1e-8
    assert rows["torch-int8-dynamic"]["measurement"]["engine_precision"] == "int8"


def test_the_devices_name_their_toolchains(torch_farm: Cli) -> None:
    (device,) = torch_farm.json("devices")

    assert [each["name"] for each in device["inventory"]["toolchains"]] == ["default", "torch"]
    assert "default, torch" in torch_farm.ok("devices")


def test_what_no_toolchain_has_is_refused_before_anything_is_sent(farm: Cli) -> None:
    refused = farm.run("sweep", "run", MODEL, "--recipe", "baseline")

    assert refused.code == 2
    assert refused.err.startswith("error: nothing of this can run. baseline: no runtime torch on ")


def test_a_push_says_what_it_takes_and_gives(farm: Cli) -> None:
    farm.ok("model", "push", MODEL, "--name", "named")

    shown = farm.ok("model", "show", "named")

    assert "in   given_x: float32[?, 8]" in shown
    assert "out  logits: float32[?, 4]" in shown
    assert "2 aten.linear" in shown
