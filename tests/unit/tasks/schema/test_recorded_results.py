"""Results that an earlier version stored are read for ever, whatever their fields are called now."""

import json
from pathlib import Path

import pytest

from optfarm_tasks.schema.result import BenchmarkResult, Result
from optfarm_tasks.schema.spec import Effort
from optfarm_tasks.schema.sweep import SweepReport, SweepSpec
from tests.recorded import FOLDER, holds, in_present_words

RESULTS = sorted((FOLDER / "results").glob("*.json"))


@pytest.mark.parametrize("file", RESULTS, ids=lambda file: file.stem)
def test_a_stored_result_says_the_same_in_present_words(file: Path) -> None:
    written = json.loads(file.read_text())

    result = Result.model_validate(written)

    assert holds(result.model_dump(mode="json"), in_present_words(written))
    assert Result.model_validate_json(result.model_dump_json()) == result


def test_the_renamed_fields_of_a_measurement_keep_their_values() -> None:
    written = json.loads((FOLDER / "results/benchmark-server.json").read_text())

    facts = Result.model_validate(written).facts

    assert isinstance(facts, BenchmarkResult)
    assert facts.candidate.effort is Effort.QUICK
    assert facts.candidate.server_rates is not None
    assert facts.candidate.server_rates.latency_limit_ms == 50
    assert facts.candidate.server_rates.rate_per_s == written["facts"]["candidate"]["serving"]["rate_per_s"]


@pytest.mark.parametrize("file", sorted((FOLDER / "reports").glob("*.json")), ids=lambda file: file.stem)
def test_a_report_of_before_is_read(file: Path) -> None:
    written = json.loads(file.read_text())

    report = SweepReport.model_validate(written)

    assert holds(report.model_dump(mode="json"), in_present_words(written))


def test_a_spec_of_before_asks_for_the_same() -> None:
    written = json.loads((FOLDER / "specs.json").read_text())["56cc2ff42e9d"]

    spec = SweepSpec.model_validate(written)

    assert (spec.effort, spec.latency_limit_ms) == (Effort.QUICK, 50)
