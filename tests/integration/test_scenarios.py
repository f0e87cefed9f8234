"""Ladders and the scenarios of MLPerf with real resident processes: a runtime that spins, and a real model."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks.benchmark.analysis import pairs, raw
from optfarm_tasks.benchmark.analysis.ladder import RungAmount
from optfarm_tasks.benchmark.analysis.rates import SearchAmount
from optfarm_tasks.benchmark.analysis.recompute import recompute
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.controller import climb, paired_scenarios
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.climb import ClimbedLadder, LadderBudget
from optfarm_tasks.benchmark.controller.paired_scenarios import Measured, MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.benchmark.controller.server_scenario import measure_server
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.errors import OutOfMemory
from optfarm_tasks.schema.ladder import Axis, Stop
from optfarm_tasks.schema.measurement import ServerRates
from optfarm_tasks.schema.result import BenchmarkResult
from optfarm_tasks.schema.spec import Benchmark, Effort, Limits, Scenario, Task
from tests.integration.children import lay_out, run

ROOT = Path(__file__).parents[2]
MS = 1_000_000
SMALL = replace(pairs.AMOUNTS[Effort.QUICK], min_pairs=1, max_pairs=1, pair_s=0.4, backoff_s=())
MEANS = LadderBudget(RungAmount(timed_s=0.05, min_requests=5, max_s=5), memory_bytes=8 << 30, fixed=(None, None))


@pytest.fixture(autouse=True)
def _runtime_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def spinning(folder: Path, role: str, spin_ns: int, **settings: Any) -> Variant:
    own = folder / role
    own.mkdir(exist_ok=True)
    (own / "spin.json").write_text(json.dumps({"spin_ns": spin_ns} | settings))
    return Variant(role, own, "tests.integration.spin_runtime")


def setup_of(baseline: Variant, candidate: Variant, **changes: Any) -> PairSetup:
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    setup = PairSetup((baseline, candidate), cores=cores, threads=1, batch_size=1, seed=0, amount=SMALL)
    return replace(setup, **changes)


def quietly(*_: object) -> None:
    """Hears no progress."""


def batches_of(climbed: ClimbedLadder) -> list[int]:
    return [rung.batch_size for rung in climbed.ladder.rungs]


def searched(setup: PairSetup, *, latency_limit_ms: float) -> Measured:
    amount = SearchAmount(searches=1, resolution=0.5, limits=5, trial_s=0.4)
    plan = MeasurementPlan(replace(setup, scenario=Scenario.SERVER), Effort.QUICK, PrecisionTarget(0.01))
    return measure_server(plan, quietly, clock=Clock(), latency_limit_ms=latency_limit_ms, amount=amount)


def assert_raw_queries_agree(rates: ServerRates, columns: raw.Columns) -> None:
    """The published trials of the candidate can be computed from its queries."""
    for number, trial in enumerate(rates.trials):
        mask = (columns["side"] == 1) & (columns["trial"] == number)
        latency_ns = (columns["end_ns"] - columns["arrival_ns"])[mask]
        assert latency_ns.size == trial.queries
        assert (latency_ns > columns["bound_ms"] * MS).sum() == trial.late
        assert (columns["rate_per_s"][mask] == trial.rate_per_s).all()


def test_an_exhausted_memory_ends_the_ladder_and_not_the_task(tmp_path: Path) -> None:
    narrow = spinning(tmp_path, "baseline", 20 * MS, most_samples=4)

    climbed = climb.climb_batches(setup_of(narrow, narrow), 0, MEANS)

    assert batches_of(climbed) == [1, 2, 4]
    assert climbed.ladder.stop is Stop.MEMORY
    assert "no room for 8 samples" in (climbed.ladder.detail or "")
    assert [wall_ns.size >= 5 for wall_ns in climbed.walls_ns] == [True] * 3


def test_a_first_rung_without_memory_is_a_failure(tmp_path: Path) -> None:
    none = spinning(tmp_path, "baseline", MS, most_samples=0)

    with pytest.raises(OutOfMemory):
        climb.climb_batches(setup_of(none, none), 0, MEANS)


def test_each_variant_is_offline_at_its_own_best_batch(tmp_path: Path) -> None:
    # 50 samples a second at any batch against, at 4 and the memory's end, 200.
    flat = spinning(tmp_path, "baseline", 0, per_sample_ns=20 * MS)
    wide = spinning(tmp_path, "candidate", 20 * MS, most_samples=4)
    setup = setup_of(flat, wide, scenario=Scenario.OFFLINE)

    settled = climb.settle(setup, MEANS, quietly, batches=True, threads=False)
    setup = replace(settled.setup, baseline_batch_size=1)
    summary = paired_scenarios.measure(
        MeasurementPlan(setup, Effort.QUICK, PrecisionTarget(0.01)), quietly, clock=Clock()
    ).summary

    assert settled.ladders(0)[0].stop is Stop.GAIN
    assert batches_of(settled.climbed[1]) == [1, 2, 4]
    assert summary.candidate.batch_size == 4
    assert summary.baseline.batch_size == 1
    assert summary.candidate.scenario is Scenario.OFFLINE
    assert summary.estimator == "rate"
    assert summary.candidate.throughput_per_s <= 200
    assert 2 < (summary.candidate.ratio.value or 0) < 8


def test_threads_climb_to_the_cores_and_no_further(tmp_path: Path) -> None:
    same = spinning(tmp_path, "baseline", MS)

    climbed = climb.climb_threads(setup_of(same, same), 0, MEANS)

    assert climbed.ladder.axis is Axis.THREADS
    assert climbed.ladder.rungs[0].threads == 1
    assert climbed.ladder.rungs[-1].threads <= len(os.sched_getaffinity(0))
    assert climbed.ladder.stop in {Stop.GAIN, Stop.CORES}


def test_the_highest_rate_that_held_is_published_and_its_queries_are_kept(tmp_path: Path) -> None:
    setup = setup_of(spinning(tmp_path, "baseline", 4 * MS), spinning(tmp_path, "candidate", 2 * MS))

    found = searched(setup, latency_limit_ms=80)

    candidate = found.summary.candidate
    assert candidate.server_rates is not None
    held = [trial for trial in candidate.server_rates.trials if trial.holds]
    assert candidate.server_rates.rate_per_s == max(trial.rate_per_s for trial in held) <= 500
    assert all(trial.p99_ns <= 80 * MS for trial in held)
    assert all(trial.late > trial.allowed_late for trial in candidate.server_rates.trials if not trial.holds)
    assert candidate.throughput_per_s == candidate.server_rates.rate_per_s
    assert candidate.ratio.value == found.summary.pair_ratios[0]
    assert candidate.ratio.ci95 is None
    assert candidate.latency_ns.min >= 2 * MS
    assert "rests on" in found.warnings[0]
    assert_raw_queries_agree(candidate.server_rates, found.summary.columns)


def test_a_latency_limit_below_the_service_itself_is_kept_at_no_rate(tmp_path: Path) -> None:
    setup = setup_of(spinning(tmp_path, "baseline", 4 * MS), spinning(tmp_path, "candidate", 4 * MS))

    found = searched(setup, latency_limit_ms=3)

    candidate = found.summary.candidate
    assert candidate.server_rates is not None
    assert candidate.server_rates.rate_per_s == candidate.throughput_per_s == 0
    assert len(candidate.server_rates.trials) == 1
    assert candidate.ratio.value is None
    assert "at no rate" in found.warnings[0]


@pytest.mark.parametrize(
    "action",
    [
        Benchmark(effort=Effort.QUICK, threads="auto"),
        Benchmark(effort=Effort.QUICK, batch_size="auto", scenario=Scenario.OFFLINE),
        Benchmark(effort=Effort.QUICK, scenario=Scenario.SERVER, latency_limit_ms=5),
    ],
)
def test_a_real_model_is_measured_in_every_scenario(action: Benchmark, tiny_models: Path, tmp_path: Path) -> None:
    model = tiny_models / "float32.tflite"
    # So little time leaves room for one pair, however fast the machine is: the first is always taken.
    folder = lay_out(tmp_path, action, limits=Limits(timeout_s=4), baseline=model, candidate=model)

    facts = run(folder).facts(BenchmarkResult)

    candidate = facts.candidate
    assert candidate.scenario is action.scenario
    assert isinstance(candidate.batch_size, int)
    assert candidate.throughput_per_s > 0
    assert (candidate.server_rates is not None) == (action.scenario is Scenario.SERVER)
    assert [ladder.axis for ladder in candidate.ladders] == [
        axis
        for axis, value in ((Axis.BATCH_SIZE, action.batch_size), (Axis.THREADS, action.threads))
        if value == "auto"
    ]
    assert candidate.scenario is Scenario.SERVER or "only 1 of 3 pairs" in facts.warnings[0]
    columns, estimator = raw.read(folder / "outputs" / raw.FILE)
    assert ("rung_wall_ns" in columns) == bool(candidate.ladders)
    again = recompute(facts, Task.model_validate_json((folder / "task.json").read_bytes()), columns)
    assert (again.baseline, again.candidate) == (facts.baseline, facts.candidate)
    assert (again.pair_ratios, again.estimator) == (facts.pair_ratios, estimator)
