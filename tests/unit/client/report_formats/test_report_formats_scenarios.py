"""An Offline or Server measurement leaves the farm as what it is, under the names that LoadGen has for it."""

import csv
import io
import json

import pytest

from optfarm.errors import BadRequest
from optfarm.measured import row_key, row_key_of_task
from optfarm.report_formats import ReportFormat
from optfarm.report_formats.documents import documents
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.result import BenchmarkResult
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import Row
from tests.results import a_result
from tests.unit.client.report_formats.test_report_formats import summary_lines
from tests.unit.recorded import status_of
from tests.unit.reports import report, row
from tests.unit.sampled import ARTIFACT, offline, server

OFFLINE, SERVER = offline(1.2, ARTIFACT), server(2.0, ARTIFACT)


def measured(found: tuple[raw.Columns, BenchmarkResult], **asked: object) -> Row:
    return row("openvino", measurement=found[1].candidate, **asked)


def shaped(shape: ReportFormat, found: tuple[raw.Columns, BenchmarkResult], **asked: object) -> str:
    variant = measured(found, **asked)
    (text,) = documents(shape, report(variant), {row_key(variant): found[0]}).values()
    return text


def served(found: tuple[raw.Columns, BenchmarkResult]) -> Measurement:
    assert found[1].candidate.server_rates is not None
    return found[1].candidate


def test_an_offline_summary_tells_samples_per_second_and_no_latency() -> None:
    text = shaped(ReportFormat.MLPERF, OFFLINE)

    lines = summary_lines(text)
    assert (lines["Scenario"], lines["Result is"]) == ("Offline", "VALID")
    assert float(lines["Samples per second"]) == pytest.approx(OFFLINE[1].candidate.throughput_per_s, rel=1e-5)
    assert "batches of 4" in text
    assert "latency" not in text
    assert "SingleStream" not in text
    assert "max_async_queries" not in lines


def test_the_summary_of_a_server_tells_its_rate_as_loadgen_counts_it() -> None:
    text = shaped(ReportFormat.MLPERF, SERVER)

    lines, candidate = summary_lines(text), served(SERVER)
    assert (lines["Scenario"], lines["Result is"]) == ("Server", "VALID")
    assert (lines["Performance constraints satisfied"], lines["Early stopping satisfied"]) == ("Yes", "Yes")
    assert float(lines["target_qps"]) == pytest.approx(candidate.throughput_per_s, rel=1e-5)
    assert int(lines["target_latency (ns)"]) == 20_000_000
    # Arrivals are drawn at random, so that so many of them come at the rate that was asked for but for a few percent.
    scheduled = float(lines["Scheduled samples per second"])
    assert scheduled == pytest.approx(candidate.throughput_per_s, rel=0.15)
    assert float(lines["Completed samples per second"]) == pytest.approx(scheduled, rel=0.05)
    assert int(lines["99.00 percentile latency (ns)"]) == candidate.latency_ns.p99
    assert "SingleStream" not in text


def test_the_summary_of_a_server_that_holds_no_rate_is_not_valid_and_names_none() -> None:
    lines = summary_lines(shaped(ReportFormat.MLPERF, server(2.0, ARTIFACT, latency_limit_ms=0.5)))

    assert (lines["Result is"], lines["Performance constraints satisfied"]) == ("INVALID", "NO")
    assert not {"Scheduled samples per second", "Completed samples per second", "target_qps"} & set(lines)


def test_model_analyzer_gets_a_request_rate_in_place_of_a_concurrency() -> None:
    (server_line,) = csv.DictReader(io.StringIO(shaped(ReportFormat.MODEL_ANALYZER, SERVER)))
    (offline_line,) = csv.DictReader(io.StringIO(shaped(ReportFormat.MODEL_ANALYZER, OFFLINE)))

    assert (server_line["Concurrency"], offline_line["Concurrency"]) == ("", "1")
    assert float(server_line["Request Rate"]) == served(SERVER).throughput_per_s
    assert offline_line["Request Rate"] == ""


def test_optimum_benchmark_takes_batches_and_no_queries_that_wait() -> None:
    forward = json.loads(shaped(ReportFormat.OPTIMUM_BENCHMARK, OFFLINE))["forward"]

    assert forward["throughput"]["value"] == OFFLINE[1].candidate.throughput_per_s
    with pytest.raises(BadRequest, match="no form for the scenario Server"):
        shaped(ReportFormat.OPTIMUM_BENCHMARK, SERVER)


@pytest.mark.parametrize("asked", [("auto", "auto"), (1, 1)])
def test_the_samples_of_a_row_are_found_by_what_it_asked_for(asked: tuple[int | str, int | str]) -> None:
    facts = OFFLINE[1] if asked == ("auto", "auto") else SERVER[1]
    variant = row("openvino", threads=asked[0], batch_size=asked[1], measurement=facts.candidate)
    task = status_of("0123456789ab-1", Kind.BENCHMARK, "openvino", "0" * 64)

    assert row_key_of_task(task, a_result(Kind.BENCHMARK), facts) == row_key(variant)
