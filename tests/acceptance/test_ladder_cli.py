"""The farm is asked to choose the batch size, and says how it came to it."""

import json
from pathlib import Path

from tests.acceptance.commands import Cli


def test_a_chosen_batch_comes_with_every_rung_and_the_reason_for_the_last(
    farm: Cli, tiny_models: Path, tmp_path: Path
) -> None:
    options = ("--techniques", "baseline", "--profile", "quick", "--batch-sizes", "auto", "--wait", "--json")

    report = json.loads(farm.ok("sweep", "run", str(tiny_models / "float32.tflite"), *options))

    (row,) = report["rows"]
    (ladder,) = row["measurement"]["ladders"]
    batches = [rung["batch_size"] for rung in ladder["rungs"]]
    assert row["batch_size"] == "auto"
    assert row["measurement"]["batch_size"] in batches
    assert batches == [1 << power for power in range(len(batches))]
    assert ladder["stop"] in {"gain", "memory", "largest", "time"}
    shown = farm.ok("report", report["sweep_id"])
    assert f"batch {row['measurement']['batch_size']})" in shown
    assert "batch 1: " in shown
    farm.ok("bundle", "export", report["sweep_id"], "--to", str(tmp_path / "sweep.tar"))
    (check,) = farm.json("bundle", "verify", str(tmp_path / "sweep.tar"))["checks"]
    assert (check["batch_size"], check["finding"], check["differences"]) == ("auto", "reproduced", [])


def test_what_a_scenario_lacks_is_told_before_anything_is_pushed(farm: Cli, tiny_models: Path) -> None:
    model = str(tiny_models / "float32.tflite")

    boundless = farm.run("sweep", "run", model, "--scenario", "server")
    unknown = farm.run("sweep", "run", model, "--scenario", "multi-stream")
    unitless = farm.run("sweep", "run", model, "--scenario", "server", "--bound", "50")

    assert (boundless.code, unknown.code, unitless.code) == (2, 2, 2)
    assert "needs a limit" in boundless.err
    assert "single-stream, offline and server" in unknown.err
    assert "write 50ms" in unitless.err
