"""A search through the command line: it is stopped, goes on from its finished work, and its best artifact is pulled."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.commands import Cli, CommandResult
from tests.waiting import until

SEARCH = ("--search", "--profile", "quick", "--seed", "5", "--trials", "2")
TECHNIQUES = ("--techniques", "openvino,openvino-float16,openvino-int8,tflite-int8")
"""The first two run; the others lack calibration data, or take another format."""


@pytest.fixture(scope="module")
def lite(tiny_models: Path) -> Path:
    return tiny_models / "float32.tflite"


def start(farm: Cli, model: Path) -> tuple[str, CommandResult]:
    """Starts a search, stops it while its first sweep runs; gives the sweep's id and how it ended."""
    before = {each["id"] for each in farm.json("sweep", "list")}
    process = farm.start("sweep", "run", str(model), *SEARCH, *TECHNIQUES)

    def mine() -> list[str]:
        return [each["id"] for each in farm.json("sweep", "list") if each["id"] not in before]

    until(mine, deadline_s=30)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    return mine()[0], CommandResult(code=process.returncode, out=out, err=err)


def recipes(farm: Cli, sweep_id: str) -> set[str]:
    return {task["recipe"] for task in farm.json("sweep", "show", sweep_id)["tasks"]}


def test_a_stopped_search_goes_on_and_its_best_artifact_is_pulled(farm: Cli, lite: Path, tmp_path: Path) -> None:
    sweep_id, stopped = start(farm, lite)
    assert stopped.code == 130, stopped.err
    assert f"optfarm sweep cancel {sweep_id}" in stopped.err
    farm.run("sweep", "watch", sweep_id)

    ended = farm.run("sweep", "run", str(lite), *SEARCH, *TECHNIQUES, "--json")

    assert ended.code == 0, ended.err
    found: dict[str, Any] = json.loads(ended.out)
    left_out = {each["technique"]: each["reason"] for each in found["left_out"]}
    assert "it needs calibration data" in left_out["openvino-int8"]
    assert "it takes" in left_out["tflite-int8"]
    first = found["trials"][1]["sweep"]
    assert recipes(farm, first) == recipes(farm, sweep_id)
    assert all(task["cached"] for task in farm.json("sweep", "show", first)["tasks"])
    best = found["front"][0]
    assert best["speed_up_low"] is None or best["speed_up_low"] <= best["speed_up"]
    farm.ok("artifact", "pull", best["sweep"], best["method"], "--to", str(tmp_path / "best"))
    assert any((tmp_path / "best").iterdir())


def test_every_technique_is_run_or_listed_with_the_reason(farm: Cli, lite: Path) -> None:
    names = {each["name"] for each in farm.json("techniques", "list")} - {"baseline"}

    words = ("--techniques", "all", "--recipe", "onnx -> onnx-dynamic", "--profile", "quick")
    receipt = farm.json("sweep", "run", str(lite), *words)
    status = farm.json("sweep", "show", receipt["id"])
    farm.ok("sweep", "cancel", receipt["id"])

    runs = {task["recipe"] for task in status["tasks"]} - {"baseline"}
    skipped = {each["recipe"]: each["reason"] for each in receipt["skipped"]}
    assert runs | set(skipped) == names | {"onnx -> onnx-dynamic"}
    assert all(skipped.values())
    assert {"openvino", "onnx"} <= runs
    assert "what reaches it is tflite" in skipped["tflite-int8"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--trials", "0"), "0 trials"),
        (("--techniques", "tflite-int8"), "no technique applies"),
        (("--techniques", "tflite-in8"), "did you mean 'tflite-int8'"),
        (("--devices", "host=nobody"), "matches nothing"),
    ],
)
def test_what_cannot_be_searched_is_refused(farm: Cli, lite: Path, words: tuple[str, ...], why: str) -> None:
    ended = farm.run("sweep", "run", str(lite), "--search", *words)

    assert ended.code == 2
    assert why in ended.err
