"""Benchmarks with real resident processes, on a runtime that spins for a known time."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from optfarm_tasks.actions import benchmark
from optfarm_tasks.benchmark.analysis import pairs, raw, stats
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.analysis.stats import Estimator
from optfarm_tasks.benchmark.controller import paired_scenarios
from optfarm_tasks.benchmark.controller.paired_scenarios import Clock, Measured, MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Resident, Variant
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.errors import BadModel, BadParameter, Internal, TaskError, WorkerLost
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.schema.measurement import Flag, Verdict
from optfarm_tasks.schema.spec import Benchmark, Effort, Inspect, Task
from optfarm_tasks.schema.waiting import Waiting, WaitsFor
from tests.waiting import until

ROOT = Path(__file__).parents[2]
SMALL = replace(pairs.AMOUNTS[Effort.QUICK], min_pairs=2, max_pairs=2, pair_s=0.5, backoff_s=())
MS = 1_000_000


@pytest.fixture(autouse=True)
def _runtime_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def spinning(folder: Path, role: str, **settings: Any) -> Variant:
    """An artifact of the spin runtime."""
    own = folder / role
    own.mkdir()
    (own / "spin.json").write_text(json.dumps({"spin_ns": MS} | settings))
    return Variant(role, own, "tests.integration.spin_runtime")


def setup_of(baseline: Variant, candidate: Variant, **changes: Any) -> PairSetup:
    """A small benchmark of two variants, on the last core."""
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    setup = PairSetup((baseline, candidate), cores=cores, threads=1, batch_size=2, seed=0, amount=SMALL)
    return replace(setup, **changes)


def measure(setup: PairSetup, report: OnPhase = lambda *_: None) -> Measured:
    """Runs it."""
    return paired_scenarios.measure(MeasurementPlan(setup, Effort.QUICK, PrecisionTarget(0.01)), report, clock=Clock())


def residents() -> list[psutil.Process]:
    """The residents that live below this process, beside the servers of other tests."""
    children = psutil.Process().children(recursive=True)
    alive = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "optfarm_tasks.benchmark.process.resident" in child.cmdline()]


def test_a_variant_that_takes_half_as_long_is_about_twice_as_fast(tmp_path: Path) -> None:
    reported: list[tuple[str, float]] = []
    setup = setup_of(spinning(tmp_path, "baseline", spin_ns=2 * MS), spinning(tmp_path, "candidate", spin_ns=MS))

    measured = measure(setup, lambda phase, fraction, _=None: reported.append((phase, fraction)))

    baseline, candidate = measured.summary.baseline, measured.summary.candidate
    assert 1.3 < candidate.ratio.value < 3
    assert candidate.ratio.pairs == len(measured.summary.pair_ratios) == 2
    assert baseline.ratio.value == 1
    assert baseline.latency_ns.min >= 2 * MS
    assert MS <= candidate.latency_ns.min <= candidate.latency_ns.p05 <= candidate.latency_ns.p50
    assert candidate.n_requests >= candidate.n_clean > 0
    assert candidate.warmup_s > 0.5
    assert candidate.throughput_per_s == pytest.approx(2e9 / candidate.latency_ns.mean)
    assert candidate.peak_rss_bytes > 10 << 20
    assert candidate.runtime == "spin_runtime"
    assert reported[0] == ("pair 1/2", 0.0)
    assert [fraction for _, fraction in reported] == sorted(fraction for _, fraction in reported)
    assert not residents()


def test_the_published_ratio_can_be_computed_from_the_raw_samples(tmp_path: Path) -> None:
    measured = measure(setup_of(spinning(tmp_path, "baseline"), spinning(tmp_path, "candidate")))
    summary = measured.summary

    raw.write(tmp_path / "outputs", summary.columns, estimator=summary.estimator)
    with np.load(tmp_path / "outputs" / raw.FILE) as stored:
        columns = dict(stored)

    samples = raw.kept(columns)
    ratios = stats.pair_ratios(samples, Estimator(str(columns["estimator"])))
    assert ratios == summary.pair_ratios
    assert stats.ratio(ratios) == summary.candidate.ratio.value
    assert (samples.side == 1).sum() == summary.candidate.n_requests
    blocks = np.unique(np.stack([columns["pair"], columns["block"]]), axis=1).shape[1]
    assert columns["dropped"].sum() == 3 * blocks
    assert blocks % 4 == 0
    assert set(columns["warm_pair"]) == {0, 1}
    assert columns["warm_wall_ns"].sum() >= 4 * 500 * MS


def test_requests_of_a_few_microseconds_are_grouped_and_said_to_be(tmp_path: Path) -> None:
    setup = setup_of(spinning(tmp_path, "baseline", spin_ns=5000), spinning(tmp_path, "candidate", spin_ns=5000))

    measured = measure(setup)

    assert len(measured.warnings) >= 2
    assert "under 50 µs" in measured.warnings[0]
    assert measured.summary.columns["requests"].min() > 1
    assert 4000 < measured.summary.candidate.latency_ns.p05 < 50_000


def test_an_artifact_that_the_runtime_refuses_is_a_bad_model(tmp_path: Path) -> None:
    setup = setup_of(spinning(tmp_path, "baseline"), spinning(tmp_path, "candidate", refusal="op 47 is unknown"))

    with pytest.raises(BadModel, match="candidate: op 47 is unknown"):
        measure(setup)

    assert not residents()


def test_an_error_of_the_runtimes_own_is_a_bad_model(tmp_path: Path) -> None:
    setup = setup_of(spinning(tmp_path, "baseline"), spinning(tmp_path, "candidate", hurts=True))

    with pytest.raises(BadModel, match="EOFError: half a model"):
        measure(setup)


@pytest.mark.parametrize(("number", "expected"), [(signal.SIGKILL, WorkerLost), (signal.SIGABRT, BadModel)])
def test_a_resident_that_dies_in_a_block_ends_the_task(
    tmp_path: Path, number: signal.Signals, expected: type[TaskError]
) -> None:
    dying = spinning(tmp_path, "candidate", signal=int(number), signal_after_s=1.2)
    setup = setup_of(spinning(tmp_path, "baseline"), dying, amount=replace(SMALL, pair_s=60))

    with pytest.raises(expected, match="the process of the candidate"):
        measure(setup)

    assert not residents()


def test_residents_are_pinned_and_do_not_outlive_their_controller(tmp_path: Path) -> None:
    spinning(tmp_path, "baseline")
    script = (
        "import sys; from pathlib import Path\n"
        "from optfarm_tasks.benchmark.controller.resident import Resident, Variant\n"
        "variant = Variant('baseline', Path(sys.argv[1]), 'tests.integration.spin_runtime')\n"
        "resident = Resident(variant, cores=(int(sys.argv[2]),), threads=1)\n"
        "print(resident.pid, flush=True); input()"
    )
    core = max(os.sched_getaffinity(0))
    command = [sys.executable, "-c", script, str(tmp_path / "baseline"), str(core)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        resident = psutil.Process(int(owner.stdout.readline()))
        assert resident.cpu_affinity() == [core]
        assert os.getsid(resident.pid) == resident.pid

        owner.kill()

    until(lambda: not resident.is_running() or resident.status() == psutil.STATUS_ZOMBIE, deadline_s=10)


def test_leaving_a_resident_ends_it_though_it_is_not_asked(tmp_path: Path) -> None:
    variant = spinning(tmp_path, "baseline")

    with Resident(variant, cores=(max(os.sched_getaffinity(0)),), threads=1) as resident:
        pid = resident.pid

    assert not psutil.pid_exists(pid)


def test_a_measurement_that_stays_invalid_is_retried_and_then_told(tmp_path: Path) -> None:
    # Work on several threads is judged by the idleness of the machine, which this makes sure there is none of.
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    waits: list[float] = []
    told: list[Waiting] = []
    setup = setup_of(
        spinning(tmp_path, "baseline"),
        spinning(tmp_path, "candidate"),
        threads=2,
        amount=replace(SMALL, min_pairs=1, max_pairs=1, pair_s=1, backoff_s=(3,)),
    )
    try:
        plan = MeasurementPlan(setup, Effort.QUICK, PrecisionTarget(0.01))
        measured = paired_scenarios.measure(
            plan, lambda _, __, waiting=None: told.extend([waiting] if waiting else []), clock=Clock(wait=waits.append)
        )
    finally:
        busy.kill()
        busy.wait()

    candidate = measured.summary.candidate
    assert waits == [3]
    (wait,) = told
    assert (wait.reason, wait.attempt, wait.attempts) == (WaitsFor.QUIET, 1, 2)
    assert Flag.EXT_LOAD in wait.flags
    assert wait.since is not None
    assert wait.until == wait.since + timedelta(seconds=3)
    assert candidate.attempt == 2
    assert candidate.verdict is Verdict.INVALID
    assert Flag.EXT_LOAD in candidate.flags
    assert candidate.latency_ns.p90 is None
    assert candidate.estimator == "p50"
    assert candidate.ratio.ci95 is None
    assert Flag.WIDE_INTERVAL in candidate.flags
    assert "too busy" in measured.warnings[-1]


def test_what_does_not_fit_the_time_is_cut_and_said_to_be(tmp_path: Path) -> None:
    amount = replace(SMALL, group_s=0.8, budget_s=0.1)
    setup = setup_of(
        spinning(tmp_path, "baseline", spin_ns=60 * MS), spinning(tmp_path, "candidate", spin_ns=60 * MS), amount=amount
    )

    measured = measure(setup)

    assert measured.summary.candidate.ratio.pairs == 1
    assert Flag.WIDE_INTERVAL in measured.summary.candidate.flags
    assert "only 1 of 2 pairs" in measured.warnings[0]
    assert "blocks were cut" in measured.warnings[1]


def test_more_threads_than_cores_are_refused(tmp_path: Path) -> None:
    task = Task(action=Benchmark(threads=1024), inputs={})

    with pytest.raises(BadParameter, match="1024 threads"):
        benchmark.run(tmp_path, task, lambda *_: None)


def test_a_task_of_another_kind_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(Internal, match="inspect"):
        benchmark.run(tmp_path, Task(action=Inspect(), inputs={}), lambda *_: None)
