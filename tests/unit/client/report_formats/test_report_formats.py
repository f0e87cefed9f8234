"""Each export is read as its readers read it, and tells the numbers of the report or nothing."""

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optfarm.errors import BadRequest
from optfarm.measured import row_key
from optfarm.report_formats import ReportFormat
from optfarm.report_formats.documents import documents, folder_names, write
from optfarm.table import values_of
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.schema.measurement import Energy, Measurement, Verdict
from optfarm_tasks.schema.sweep import Row, SweepReport
from tests.unit.reports import report, row
from tests.unit.sampled import ARTIFACT, benchmark, columns

MANY, FEW = columns(2.0, requests=200), columns(2.0, requests=5)
DISTURBED = columns(2.0, requests=200, run_delay=0.2)


def measured(samples: raw.Columns) -> Row:
    """A row whose measurement follows from the samples."""
    return row("openvino", batch_size=2, measurement=benchmark(samples, ARTIFACT).candidate)


def shaped(shape: ReportFormat, samples: raw.Columns, *rows: Row) -> dict[str, str]:
    return documents(shape, report(*rows), {row_key(each): samples for each in rows})


def of(variant: Row) -> Measurement:
    assert variant.measurement is not None
    return variant.measurement


def summary_lines(text: str) -> dict[str, str]:
    """A LoadGen summary as those read it who collect results: NAME : VALUE on a line."""
    lines = (re.match(r"^\s*([\w\s.\(\)\/]+)\s*\:\s*([\w\+\.][\w\+\.\s]*)", line) for line in text.splitlines())
    return {found.group(1).strip(): found.group(2).strip() for found in lines if found}


def test_optimum_benchmark_finds_its_targets_and_their_fields() -> None:
    variant = measured(MANY)

    ((path, text),) = shaped(ReportFormat.OPTIMUM_BENCHMARK, MANY, variant).items()

    told = json.loads(text)
    assert path == "alpha.cpu/openvino/benchmark_report.json"
    assert set(told) == {"load_model", "first_forward", "forward"}
    assert all(set(each) == {"memory", "latency", "throughput", "energy", "efficiency"} for each in told.values())
    latency = told["forward"]["latency"]
    names = ["unit", "values", "count", "total", "mean", "p50", "p90", "p95", "p99", "stdev", "stdev_"]
    assert list(latency) == list(told["load_model"]["latency"]) == names


def test_the_statistics_of_optimum_benchmark_are_those_of_its_values() -> None:
    variant = measured(MANY)

    (text,) = shaped(ReportFormat.OPTIMUM_BENCHMARK, MANY, variant).values()

    forward = json.loads(text)["forward"]
    latency, values = forward["latency"], np.array(forward["latency"]["values"])
    assert latency["count"] == len(values) == of(variant).n_requests
    assert latency["total"] == pytest.approx(values.sum())
    assert latency["mean"] == pytest.approx(values.mean())
    assert latency["stdev"] == pytest.approx(values.std())
    assert latency["stdev_"] == pytest.approx(100 * values.std() / values.mean())
    for percent in (50, 90, 95, 99):
        assert latency[f"p{percent}"] == pytest.approx(np.percentile(values, percent, method="inverted_cdf"))
    assert forward["throughput"] == {"unit": "samples/s", "value": pytest.approx(2 / values.mean())}


def forward_with(energy: Energy) -> dict[str, Any]:
    """What the report tells of requests that took so much."""
    plain = measured(MANY)
    variant = plain.model_copy(update={"measurement": of(plain).model_copy(update={"energy": energy})})
    (text,) = shaped(ReportFormat.OPTIMUM_BENCHMARK, MANY, variant).values()
    told: dict[str, Any] = json.loads(text)["forward"]
    return told


def test_optimum_benchmark_tells_energy_by_the_kilowatt_hour() -> None:
    known = forward_with(Energy(per_request_mj=36.0, source="rapl package-0", reason=None))
    unknown = forward_with(Energy(per_request_mj=None, source=None, reason="a virtual machine"))

    assert known["energy"] == {"unit": "kWh", "cpu": None, "ram": None, "gpu": None, "total": pytest.approx(1e-8)}
    assert known["efficiency"] == {"unit": "samples/kWh", "value": pytest.approx(2e8)}
    assert unknown["energy"] is unknown["efficiency"] is None


def test_of_loading_only_the_median_is_known() -> None:
    (text,) = shaped(ReportFormat.OPTIMUM_BENCHMARK, MANY, measured(MANY)).values()

    latency = json.loads(text)["load_model"]["latency"]

    assert {name: value for name, value in latency.items() if value is not None} == {
        "unit": "s",
        "count": 3,
        "p50": 0.003,
    }


def test_a_summary_has_the_lines_that_its_readers_look_for() -> None:
    variant = measured(MANY)

    ((path, text),) = shaped(ReportFormat.MLPERF, MANY, variant).items()

    lines, latency_ns = summary_lines(text), of(variant).latency_ns
    assert path == "alpha.cpu/openvino/mlperf_log_summary.txt"
    assert re.search(r"^Result\s+is\s*\:\s+VALID", text, re.MULTILINE)
    assert lines["Scenario"] == "SingleStream"
    assert lines["SUT name"] == "openvino on alpha.cpu"
    assert int(lines["90th percentile latency (ns)"]) == latency_ns.p90
    assert int(lines["90.00 percentile latency (ns)"]) == latency_ns.p90
    assert int(lines["50.00 percentile latency (ns)"]) == latency_ns.p50
    assert int(lines["99.00 percentile latency (ns)"]) == latency_ns.p99
    assert int(lines["Min latency (ns)"]) == latency_ns.min
    assert int(lines["Mean latency (ns)"]) == int(latency_ns.mean)
    assert int(lines["Max latency (ns)"]) > int(lines["97.00 percentile latency (ns)"])
    assert float(lines["QPS w/o loadgen overhead"]) == pytest.approx(1e9 / latency_ns.mean, abs=0.01)
    assert lines["samples_per_query"] == "2"
    assert "99.90 percentile latency (ns)" not in lines
    assert "no MLPerf result" in text


def test_a_summary_of_a_disturbed_measurement_is_not_valid_and_names_no_tail() -> None:
    variant = measured(DISTURBED)

    (text,) = shaped(ReportFormat.MLPERF, DISTURBED, variant).values()

    assert of(variant).verdict is Verdict.DEGRADED
    lines = summary_lines(text)
    assert lines["Result is"] == "INVALID"
    assert lines["Early stopping satisfied"] == "Yes"
    assert [name for name in lines if "percentile" in name] == ["50.00 percentile latency (ns)"]
    assert lines["Warnings encountered"].startswith("preempted")


def test_a_summary_of_few_requests_does_not_satisfy_early_stopping() -> None:
    (text,) = shaped(ReportFormat.MLPERF, FEW, measured(FEW)).values()

    lines = summary_lines(text)
    assert (lines["Result is"], lines["Early stopping satisfied"]) == ("INVALID", "NO")


def test_model_analyzer_gets_a_row_a_variant_under_its_own_headings() -> None:
    clean, disturbed = measured(MANY), measured(DISTURBED).model_copy(update={"device": "alpha.gpu-0"})

    found = shaped(ReportFormat.MODEL_ANALYZER, MANY, clean, disturbed)

    ((one,), (other,)) = (list(csv.DictReader(io.StringIO(text))) for text in found.values())
    assert list(found) == ["alpha.cpu/metrics-model-inference.csv", "alpha.gpu-0/metrics-model-inference.csv"]
    assert list(one)[:9] == [
        *("Model", "Batch", "Concurrency", "Model Config Path", "Instance Group", "Max Batch Size"),
        *("Satisfies Constraints", "Throughput (infer/sec)", "p99 Latency (ms)"),
    ]
    assert (one["Model"], one["Batch"], one["Model Config Path"]) == ("pilotnet", "2", "openvino")
    assert (one["Instance Group"], other["Instance Group"]) == ("1:CPU", "1:GPU")
    assert float(one["p99 Latency (ms)"]) == (of(clean).latency_ns.p99 or 0) / 1e6
    assert (one["Max Batch Size"], one["Satisfies Constraints"], other["p99 Latency (ms)"]) == ("", "", "")


def test_every_shape_tells_the_numbers_of_the_table() -> None:
    variant = measured(MANY)
    cells = values_of(variant)

    (optimum,) = shaped(ReportFormat.OPTIMUM_BENCHMARK, MANY, variant).values()
    (analyzer,) = shaped(ReportFormat.MODEL_ANALYZER, MANY, variant).values()

    forward, (line,) = json.loads(optimum)["forward"], csv.DictReader(io.StringIO(analyzer))
    assert forward["throughput"]["value"] == float(line["Throughput (infer/sec)"]) == cells["throughput_per_s"]
    assert forward["memory"]["max_ram"] == float(line["RAM Usage (MB)"]) == cells["peak_rss_mb"]


def test_settings_are_named_where_they_vary_and_nothing_is_lost() -> None:
    one, two = measured(MANY), measured(MANY).model_copy(update={"threads": 2})

    found = shaped(ReportFormat.MLPERF, MANY, one, two)

    assert list(found) == [
        "alpha.cpu/openvino-threads-1-batch-2/mlperf_log_summary.txt",
        "alpha.cpu/openvino-threads-2-batch-2/mlperf_log_summary.txt",
    ]
    assert folder_names(["a -> b(p=0.5)", "a-b-p-0.5", "../c"]) == ["a-b-p-0.5", "a-b-p-0.5-2", "c"]


def test_documents_are_written_below_a_folder(tmp_path: Path) -> None:
    found = shaped(ReportFormat.MLPERF, MANY, measured(MANY))

    (path,) = write(found, tmp_path / "new")

    assert path.read_text() == found["alpha.cpu/openvino/mlperf_log_summary.txt"]


def test_nothing_measured_is_nothing_to_export() -> None:
    empty: SweepReport = report(row("openvino", measurement=None))

    with pytest.raises(BadRequest, match="nothing in sweep"):
        documents(ReportFormat.MLPERF, empty, {})
