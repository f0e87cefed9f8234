"""What a sweep rests on leaves the farm as one file, which proves it elsewhere; other tools get their shapes."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.acceptance.commands import Cli


@pytest.fixture(scope="module")
def sweep_id(farm: Cli, tiny_models: Path) -> str:
    options = ("--techniques", "openvino", "--effort", "quick", "--wait", "--json")
    swept = json.loads(farm.ok("sweep", "run", str(tiny_models / "float32.tflite"), *options))
    return str(swept["sweep_id"])


def test_a_bundle_is_verified_without_the_farm_until_a_byte_is_flipped(
    farm: Cli, sweep_id: str, tmp_path: Path
) -> None:
    bundle, again = tmp_path / "sweep.tar", tmp_path / "again.tar"
    elsewhere = Cli(tmp_path / "elsewhere")

    told = farm.json("bundle", "export", sweep_id, "--to", str(bundle), "--with-artifacts")
    farm.ok("bundle", "export", sweep_id, "--to", str(again), "--with-artifacts")
    found = elsewhere.json("bundle", "verify", str(bundle))

    assert bundle.read_bytes() == again.read_bytes()
    assert told["manifest"]["sweep_id"] == sweep_id
    assert found["agrees"]
    assert found["has_artifacts"]
    assert {check["recipe"]: check["finding"] for check in found["checks"]} == {
        "baseline": "reproduced",
        "openvino": "reproduced",
    }
    assert "reproduced" in elsewhere.ok("bundle", "verify", str(bundle))

    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    damaged = elsewhere.run("bundle", "verify", str(bundle))
    assert damaged.code == 2
    assert "is damaged" in damaged.err


def test_bundles_that_cannot_be_are_told(farm: Cli, sweep_id: str, tmp_path: Path) -> None:
    nowhere = farm.run("bundle", "export", sweep_id, "--to", str(tmp_path / "no/sweep.tar"))
    unknown = farm.run("bundle", "export", "0" * 12, "--to", str(tmp_path / "sweep.tar"))
    absent = farm.run("bundle", "verify", str(tmp_path / "sweep.tar"))

    assert (nowhere.code, unknown.code, absent.code) == (2, 3, 2)
    assert "there is no folder" in nowhere.err
    assert "there is no file" in absent.err


def test_a_sweep_is_reported_in_the_shapes_of_other_tools(farm: Cli, sweep_id: str, tmp_path: Path) -> None:
    report = farm.json("report", sweep_id)
    measured = {row["recipe"]: row["measurement"] for row in report["rows"]}

    table = farm.ok("report", sweep_id, "--format", "model-analyzer")
    farm.ok("report", sweep_id, "--format", "optimum-benchmark", "--to", str(tmp_path))
    summaries = farm.json("report", sweep_id, "--format", "mlperf")
    crowded = farm.run("report", sweep_id, "--format", "mlperf")

    (device,) = report["devices"]
    for line in csv.DictReader(io.StringIO(table)):
        assert float(line["Throughput (infer/sec)"]) == measured[line["Model Config Path"]]["throughput_per_s"]
    told = json.loads((tmp_path / device / "openvino/benchmark_report.json").read_text())
    assert told["forward"]["latency"]["count"] == measured["openvino"]["n_requests"]
    assert f"SUT name : openvino on {device}" in summaries[f"{device}/openvino/mlperf_log_summary.txt"]
    assert crowded.code == 2
    assert "--to DIR" in crowded.err
