"""Ladders and the scenarios Offline and Server are computed again from their samples, in results and in bundles."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optfarm.bundle.manifest import REPORT
from optfarm.bundle.verify import Finding, verify
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.benchmark.analysis.recompute import recompute
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.result import BenchmarkResult
from optfarm_tasks.schema.spec import Benchmark, Role, Task
from tests.unit.recorded import Recorded, forged, recorded_offline, recorded_server
from tests.unit.sampled import ARTIFACT, MODEL, OFFLINE, SERVER, SINGLE_STREAM, columns, offline, server

SCENARIOS = ((OFFLINE, offline), (SERVER, server))


def task(action: Benchmark) -> Task:
    return Task(action=action, inputs={Role.BASELINE: MODEL, Role.CANDIDATE: ARTIFACT})


@pytest.fixture(scope="module", params=[recorded_offline, recorded_server])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    sweep: Recorded = request.param(folder / "files")
    return sweep.bundle(folder / "whole.tar")


@pytest.mark.parametrize(("action", "sampled"), SCENARIOS)
def test_a_result_follows_from_its_raw_samples_in_each_scenario(
    action: Benchmark, sampled: Callable[..., tuple[raw.Columns, BenchmarkResult]], tmp_path: Path
) -> None:
    samples, result = sampled(1.5, ARTIFACT)
    raw.write(tmp_path, samples, estimator=result.candidate.estimator)

    stored, estimator = raw.read(tmp_path / raw.FILE)
    again = recompute(result, task(action), stored)

    assert (again.baseline, again.candidate) == (result.baseline, result.candidate)
    assert (again.pair_ratios, again.estimator) == (result.pair_ratios, estimator)
    assert again.candidate.scenario is action.scenario


def test_an_offline_ratio_is_one_of_samples_at_the_batch_of_each_side() -> None:
    samples, result = offline(1.5, ARTIFACT)

    again = recompute(result, task(OFFLINE), samples)

    assert (again.baseline.batch_size, again.candidate.batch_size, again.candidate.threads) == (2, 4, 1)
    # Of the batches the variant answers 1.5 times as many, and twice as many samples lie in each.
    assert again.candidate.ratio.value == pytest.approx(3, rel=0.02)
    by_throughput = again.candidate.throughput_per_s / again.baseline.throughput_per_s
    assert by_throughput == pytest.approx(again.candidate.ratio.value, rel=0.02)


def test_the_rate_of_a_server_is_the_highest_that_its_queries_show_to_hold() -> None:
    samples, result = server(2.0, ARTIFACT)

    rates = recompute(result, task(SERVER), samples).candidate.server_rates

    assert rates is not None
    assert rates.rates_per_s[0] == max(trial.rate_per_s for trial in rates.trials if trial.holds)
    assert 700 < rates.rate_per_s <= 1000
    assert rates.is_early_stopping_met


def test_a_server_that_holds_its_bound_at_no_rate_has_no_ratio() -> None:
    samples, result = server(2.0, ARTIFACT, latency_limit_ms=1.5)

    again = recompute(result, task(SERVER.model_copy(update={"latency_limit_ms": 1.5})), samples)

    assert again.baseline.server_rates is not None
    assert again.baseline.server_rates.rate_per_s == 0
    assert (again.candidate.ratio.value, again.pair_ratios) == (None, ())
    assert again.candidate == result.candidate


def test_every_number_of_a_bundle_is_reproduced_in_each_scenario(whole: Path) -> None:
    found = verify(whole)

    assert [(check.finding, check.differences) for check in found.checks] == [(Finding.REPRODUCED, ())] * 2
    assert found.agrees


@settings(max_examples=60, deadline=None)
@given(chosen=st.data())
def test_no_number_of_a_scenario_can_be_changed_unseen(whole: Path, chosen: st.DataObject) -> None:
    assert not verify(forged(whole, lambda paths: chosen.draw(st.sampled_from(paths)))).agrees


@pytest.mark.parametrize(
    ("action", "samples", "result", "told"),
    [
        (SERVER, *offline(1.0, ARTIFACT), "not those of the scenario Server"),
        (OFFLINE, *server(1.0, ARTIFACT), "not those of the scenario Offline"),
        (OFFLINE, columns(), offline(1.0, ARTIFACT)[1], "not those of its raw samples"),
        (SINGLE_STREAM, offline(1.0, ARTIFACT)[0], server(1.0, ARTIFACT)[1], "not those of its raw samples"),
        (OFFLINE.model_copy(update={"scenario": "SingleStream"}), columns(), server(1.0, ARTIFACT)[1], "no ladder of"),
    ],
)
def test_samples_of_something_else_give_no_number(
    action: Benchmark, samples: raw.Columns, result: BenchmarkResult, told: str
) -> None:
    with pytest.raises(BadData, match=told):
        recompute(result, task(action), samples)


def changed(column: str, change: Callable[[np.ndarray], Any]) -> Callable[[raw.Columns], None]:
    return lambda it: it.update({column: change(it[column])})


@pytest.mark.parametrize(
    ("sampled", "damage", "told"),
    [
        (server, lambda it: it.pop("bound_ms"), "bound_ms is missing"),
        (server, changed("rate_per_s", lambda it: it * 0), "at no rate"),
        (server, changed("rate_per_s", lambda it: it * np.nan), "at no rate"),
        (server, changed("rate_per_s", lambda it: it + np.arange(it.size)), "the trials of both"),
        (server, changed("start_ns", lambda it: it - 10**12), "before they came"),
        (server, changed("end_ns", lambda it: it * 0), "in no time"),
        (server, changed("side", lambda it: it * 0), "the trials of both"),
        (server, changed("trial", lambda it: it + 1), "the trials of both"),
        (server, changed("warm_pair", lambda it: it + 1), "the trials of both"),
        (server, changed("end_ns", lambda it: it[1:]), "not of one length"),
        (server, changed("end_ns", lambda it: it / 2), "not integers"),
        (offline, lambda it: it.pop("rung_axis"), "rung_axis is missing"),
        (offline, changed("rung_axis", lambda it: it + 2), "rungs of no ladder"),
        (offline, changed("rung_wall_ns", lambda it: it * 0), "rungs of no ladder"),
    ],
)
def test_what_are_no_samples_of_a_scenario_is_refused(
    tmp_path: Path,
    sampled: Callable[..., tuple[raw.Columns, BenchmarkResult]],
    damage: Callable[[raw.Columns], object],
    told: str,
) -> None:
    samples, _ = sampled(1.0, ARTIFACT)
    damage(samples)
    raw.write(tmp_path, samples, estimator="rate")

    with pytest.raises(BadData, match=told):
        raw.read(tmp_path / raw.FILE)


def test_a_twin_of_another_batch_says_nothing_of_a_ratio(whole: Path) -> None:
    report = json.loads((whole.parent / "files" / REPORT).read_text())
    measured = [Measurement.model_validate(row["measurement"]) for row in report["rows"]]

    is_same_place = measured[0].batch_size == measured[1].batch_size

    assert (measured[1].ratio.null_value is not None) == is_same_place
