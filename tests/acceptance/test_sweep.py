"""The main job through the command line: push, sweep every technique, read the table, take the artifact."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.acceptance.commands import Cli
from tests.waiting import until

TFLITE = {"tflite-float16", "tflite-float32", "tflite-int8"}


def sweep(farm: Cli, model: Path | str, *words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Submits, waits for the end; gives the receipt and the report."""
    receipt = farm.json("sweep", "run", str(model), "--effort", "quick", *words)
    farm.run("sweep", "watch", receipt["id"])
    return receipt, farm.json("report", receipt["id"])


def rows_by_recipe(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["recipe"]: row for row in report["rows"]}


@pytest.fixture(scope="module")
def pilotnet_sweep(farm: Cli, pilotnet: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    return sweep(farm, pilotnet / "model.keras", "--name", "pilotnet", *settings(pilotnet))


def settings(pilotnet: Path) -> tuple[str, ...]:
    return "--data", str(pilotnet / "data.npz"), "--techniques", ",".join(sorted(TFLITE))


def test_every_variant_of_a_trained_model_ends_in_the_table(
    pilotnet_sweep: tuple[dict[str, Any], dict[str, Any]],
) -> None:
    rows = rows_by_recipe(pilotnet_sweep[1])

    assert set(rows) == TFLITE | {"baseline"}
    assert {row["state"] for row in rows.values()} == {"done"}
    for row in rows.values():
        measured = row["measurement"]
        is_clean = measured["verdict"] == "clean"
        assert is_clean == (measured["latency_ns"]["p90"] is not None), "tails stand where nothing disturbed them"
        assert not (is_clean and {"preempted", "tail_spread"} & set(measured["flags"]))
        assert measured["ratio"]["pairs"] >= 2
        assert row["quality"]["mse"] is not None
    assert rows["tflite-int8"]["size_bytes"] < 0.3 * rows["tflite-float32"]["size_bytes"]
    assert rows["tflite-float16"]["size_bytes"] < 0.55 * rows["tflite-float32"]["size_bytes"]
    assert rows["tflite-float32"]["quality"]["nmse"] < 1e-6


def test_a_table_is_printed_in_every_form(farm: Cli, pilotnet_sweep: tuple[dict[str, Any], dict[str, Any]]) -> None:
    sweep_id = pilotnet_sweep[0]["id"]

    rows = list(csv.DictReader(io.StringIO(farm.ok("report", sweep_id, "--csv"))))
    markdown = farm.ok("report", sweep_id, "--markdown")
    terminal = farm.ok("report", sweep_id)
    wide = farm.ok("report", sweep_id, "--wide")

    assert len(rows) == len(TFLITE) + 1
    for technique in TFLITE:
        assert technique in markdown
        assert technique in terminal
    assert "memory (MB)" in wide


def test_the_same_sweep_again_is_answered_from_the_store(
    farm: Cli, pilotnet: Path, pilotnet_sweep: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    _, again = sweep(farm, "pilotnet", *settings(pilotnet))

    assert all(row["cached"] for row in again["rows"])
    first = rows_by_recipe(pilotnet_sweep[1])
    assert {name: row["measurement"] for name, row in rows_by_recipe(again).items()} == {
        name: row["measurement"] for name, row in first.items()
    }


def finding_of(before: dict[str, Any], after: dict[str, Any]) -> str:
    """What two ratios say of each other: whether they differ by more than both their intervals allow."""
    if before["ci95"] is None or after["ci95"] is None:
        return "undecided"
    allowed = math.hypot(*(math.log(high / low) / 2 for low, high in (before["ci95"], after["ci95"])))
    return "holds" if abs(math.log(after["value"] / before["value"])) <= allowed else "moved"


def test_a_number_is_verified_by_measuring_it_again(
    farm: Cli, pilotnet_sweep: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    again = farm.run("verify", pilotnet_sweep[0]["id"], "--sample", "1", "--json")

    (check,) = json.loads(again.out)
    assert check["recipe"] in TFLITE
    assert check["after"]["pairs"] == 3
    assert check["finding"] == finding_of(check["before"], check["after"]) or "is invalid" in check["why"]
    assert again.code == int(check["finding"] == "moved")


def test_an_artifact_is_pulled_and_runs(
    farm: Cli, tmp_path: Path, pilotnet: Path, pilotnet_sweep: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    from ai_edge_litert.interpreter import Interpreter

    farm.ok("artifact", "pull", pilotnet_sweep[0]["id"], "tflite-float32", "--to", str(tmp_path / "artifact"))

    (model,) = (tmp_path / "artifact").rglob("*.tflite")
    interpreter = Interpreter(str(model))
    interpreter.allocate_tensors()
    frame = np.load(pilotnet / "data.npz")["test/image"][:1].astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], frame)
    interpreter.invoke()
    assert np.isfinite(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])).all()


def test_a_finished_task_replays_from_its_folder_without_the_farm(
    farm: Cli, tmp_path: Path, pilotnet_sweep: tuple[dict[str, Any], dict[str, Any]]
) -> None:
    status = farm.json("sweep", "show", pilotnet_sweep[0]["id"])
    (task,) = (t for t in status["tasks"] if t["kind"] == "convert" and t["recipe"] == "tflite-float32")

    farm.ok("task", "replay", task["id"], "--folder", str(tmp_path / "task"))

    outcome = json.loads((tmp_path / "task/result.json").read_text())
    assert outcome["failure"] is None
    assert outcome["facts"]["description"]["format"] == "tflite"


def test_a_saved_model_that_others_trained_goes_through(farm: Cli, basic_pitch: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    time_s = np.arange(43844) / 22050
    tones = [np.sin(2 * np.pi * rng.uniform(110, 880) * time_s) * rng.uniform(0.2, 0.8) for _ in range(72)]
    audio = np.array(tones, np.float32)[..., None]
    np.savez(tmp_path / "tones.npz", **{"calibration/audio": audio[:64], "test/audio": audio[64:]})

    recipes = ["--recipe", "tflite-float32", "--recipe", "tflite-int8"]
    _, report = sweep(farm, basic_pitch, "--name", "notes", "--data", str(tmp_path / "tones.npz"), *recipes)

    rows = rows_by_recipe(report)
    assert rows["baseline"]["state"] == "done"
    assert rows["tflite-float32"]["state"] == "done"
    assert rows["tflite-float32"]["quality"]["max_abs_difference"] < 1e-3
    for row in rows.values():
        assert row["state"] == "done" or row["failure"]["reason"] in {"unsupported_op", "bad_model"}


def test_a_technique_with_nothing_to_do_is_skipped_and_fails_no_sweep(farm: Cli, pilotnet: Path) -> None:
    words = ("--name", "pilotnet", "--effort", "quick", "--recipe", "place-ops", "--recipe", "tflite-float32", "--wait")
    ended = farm.run("sweep", "run", str(pilotnet / "model.keras"), *words)

    assert ended.code == 0, ended.err
    assert "place-ops skipped: place-ops has nothing to do: no node's name or op matches" in ended.out
    assert "failed" not in ended.out
    (sweep_id,) = (each["id"] for each in farm.json("sweep", "list")[:1])
    rows = rows_by_recipe(farm.json("report", sweep_id))
    assert {recipe: row["state"] for recipe, row in rows.items()} == {
        "baseline": "done",
        "place-ops": "skipped",
        "tflite-float32": "done",
    }


def test_two_devices_give_a_table_each(farm: Cli, tmp_path: Path, tiny_models: Path) -> None:
    second = farm.start(
        "--device",
        "cpu",
        "--host",
        "beta",
        program="optfarm-worker",
        OPTFARM_CONFIG=str(farm.folder / "optfarm.toml"),
        OPTFARM_SCRATCH_DIR=str(tmp_path / "scratch"),
    )
    try:
        until(lambda: "beta.cpu" in {device["name"] for device in farm.json("devices")}, deadline_s=30)
        _, report = sweep(farm, tiny_models / "float32.tflite", "--recipe", "openvino-float16")
    finally:
        second.terminate()
        second.communicate(timeout=20)

    devices = {row["device"] for row in report["rows"]}
    assert len(devices) == 2
    assert "beta.cpu" in devices
    for device in devices:
        measured = {row["recipe"]: row["measurement"] for row in report["rows"] if row["device"] == device}
        assert set(measured) == {"baseline", "openvino-float16"}
        assert all(measured.values())


def test_a_failed_conversion_fails_its_variant_only(farm: Cli, villain: Any) -> None:
    _, report = sweep(farm, villain("exits"), "--recipe", "tflite-float32")

    rows = rows_by_recipe(report)
    assert rows["tflite-float32"]["state"] == "failed"
    assert rows["tflite-float32"]["failure"]["reason"] == "bad_model"
    assert "7" in rows["tflite-float32"]["failure"]["message"]


@pytest.mark.parametrize(
    ("name", "reason", "word"),
    [("crashes", "bad_model", "SIGSEGV"), ("never_returns", "timeout", "10"), ("eats_memory", "out_of_memory", "GB")],
)
def test_a_model_that_misbehaves_is_ended_with_its_reason(
    farm: Cli, villain: Any, name: str, reason: str, word: str
) -> None:
    limits = ["--timeout", "10", "--memory", "2GB"]
    _, report = sweep(farm, villain(name), "--recipe", "tflite-float32", *limits)

    failure = rows_by_recipe(report)["tflite-float32"]["failure"]
    assert failure["reason"] == reason
    assert word in failure["message"]
