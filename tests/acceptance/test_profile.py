"""Ops are observed through the command line: of a path, of an artifact; and what cannot be observed is told."""

import json
from pathlib import Path
from typing import Any

from tests.acceptance.commands import Cli


def named_ops(trace: Path) -> set[str]:
    events: list[dict[str, Any]] = json.loads(trace.read_text())["traceEvents"]
    return {event["name"] for event in events if event["ph"] == "X"}


def test_a_path_is_pushed_and_its_ops_are_told_and_traced(farm: Cli, tiny_models: Path, tmp_path: Path) -> None:
    trace = tmp_path / "tiny.trace.json"

    ended = farm.ok("profile", str(tiny_models / "tf_keras"), "--output", str(trace), "--runs", "5")

    assert "means of 5 inferences on random inputs" in ended
    assert any("Conv2D" in op for op in named_ops(trace))
    assert all(op in ended for op in named_ops(trace))


def test_an_artifact_of_a_sweep_is_observed(farm: Cli, tiny_models: Path, tmp_path: Path) -> None:
    trace = tmp_path / "artifact.json"
    options = ("--techniques", "openvino", "--effort", "quick", "--wait", "--json")
    sweep = json.loads(farm.ok("sweep", "run", str(tiny_models / "float32.tflite"), *options))

    told = farm.json("profile", sweep["sweep_id"], "openvino", "--output", str(trace), "--runs", "3")

    assert told["profile"]["runtime"] == "openvino"
    assert {each["op"] for each in told["profile"]["ops"]} == named_ops(trace)
    again = farm.run("profile", told["sweep"], "openvino")
    assert again.code != 0


def test_what_cannot_be_observed_is_told_at_once(farm: Cli, tiny_models: Path, tmp_path: Path) -> None:
    model = str(tiny_models / "tf_keras")

    nowhere = farm.run("profile", model, "--output", str(tmp_path / "no/folder.json"))
    unknown = farm.run("profile", "nothing-of-this-name")
    crowded = farm.run("profile", model, "--threads", "1000")
    elsewhere = farm.run("profile", model, "--device", "moon")

    assert (nowhere.code, unknown.code, crowded.code, elsewhere.code) == (2, 3, 2, 2)
    assert "there is no such folder" in nowhere.err
    assert "there is no model" in unknown.err
    assert "threads=1000" in crowded.err
    assert "moon" in elsewhere.err
