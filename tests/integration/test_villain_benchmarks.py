"""What misbehaves while it is measured is flagged, with real resident processes."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from optfarm_tasks.actions import benchmark
from optfarm_tasks.benchmark.controller.resident import Resident
from optfarm_tasks.benchmark.host.energy import Rapl, Zone
from optfarm_tasks.benchmark.process import repeat
from optfarm_tasks.errors import TaskError, WorkerLost
from optfarm_tasks.schema.measurement import Energy, Flag
from optfarm_tasks.schema.spec import Benchmark, Effort, Role, Task
from optfarm_tasks.schema.tree import scan
from tests.integration.test_benchmark import MS, ROOT, SMALL, bench_of, measure, residents, spinning

MB = 1 << 20


@pytest.fixture(autouse=True)
def _runtime_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def test_two_speeds_a_leak_and_noise_are_flagged_and_memory_is_told_beyond_the_floor(tmp_path: Path) -> None:
    counter = tmp_path / "energy_uj"
    counter.write_text("5000")
    bench = bench_of(
        spinning(tmp_path, "baseline", spin_ns=MS, other_spin_ns=2 * MS, weights_bytes=64 * MB),
        spinning(tmp_path, "candidate", leak_bytes=200_000, is_random=True),
        amount=replace(SMALL, min_pairs=1, max_pairs=1, pair_s=1.5),
        meter=Rapl((Zone("package-0", counter, 10_000),)),
    )

    measured = measure(bench).summary

    baseline, candidate = measured.baseline, measured.candidate
    assert Flag.BIMODAL in baseline.flags
    assert not {Flag.GROWING, Flag.NONDETERMINISTIC} & set(baseline.flags)
    assert {Flag.GROWING, Flag.NONDETERMINISTIC} <= set(candidate.flags)
    assert 64 * MB <= (baseline.model_rss_bytes or 0) < 80 * MB
    assert baseline.peak_rss_bytes - (baseline.floor_rss_bytes or 0) == baseline.model_rss_bytes
    assert baseline.process_cpu_ns == pytest.approx(1.5 * MS, rel=0.3)
    assert baseline.energy is not None
    assert (baseline.energy.source, baseline.energy.per_request_mj) == ("rapl package-0", 0)
    assert np.isfinite(measured.columns["block_held_bytes"]).all()


def test_requests_under_20_us_are_timed_in_groups_and_their_spread_is_no_second_speed(tmp_path: Path) -> None:
    bench = bench_of(
        spinning(tmp_path, "baseline", spin_ns=15_000),
        spinning(tmp_path, "candidate", spin_ns=5_000),
        amount=replace(SMALL, min_pairs=1, max_pairs=1, pair_s=0.4),
    )

    measured = measure(bench)

    columns, candidate = measured.summary.columns, measured.summary.candidate
    assert all(columns["requests"][columns["side"] == side].min() > 1 for side in (0, 1))
    assert [warning for warning in measured.warnings if "under 50 µs" in warning]
    assert 4_000 < candidate.latency_ns.p05 < 15_000 < measured.summary.baseline.latency_ns.p50
    assert Flag.BIMODAL not in candidate.flags
    assert 1.3 < (candidate.ratio.value or 0) < 3.5


def test_a_request_longer_than_every_bound_is_measured_once_a_block_and_flagged(tmp_path: Path) -> None:
    # As one of over a minute is to the 30 s of a warm-up and the 20 s of a group.
    amount = replace(SMALL, warm_s=0.2, group_s=0.15, pair_s=0.1, budget_s=0.1)
    slow = [spinning(tmp_path, role, spin_ns=400 * MS) for role in ("baseline", "candidate")]

    measured = measure(bench_of(*slow, amount=amount))

    candidate = measured.summary.candidate
    assert candidate.n_requests == 2
    assert candidate.latency_ns.min >= 400 * MS
    assert (candidate.latency_ns.p90, candidate.latency_ns.p99, candidate.ratio.ci95) == (None, None, None)
    assert candidate.energy == Energy(per_request_mj=None, source=None, reason="it was not asked for")
    assert {Flag.NO_STEADY_STATE, Flag.WIDE_INTERVAL, Flag.FEW_CLEAN} <= set(candidate.flags)
    assert "only 1 of 2 pairs fit into 0 s" in measured.warnings
    assert "requests are slow: blocks were cut to 1 timed requests" in measured.warnings
    assert repeat.repeats_of(400 * MS) > repeat.repeats_of(60_000 * MS) == 2


def test_a_variant_that_slows_down_as_it_runs_is_flagged(tmp_path: Path) -> None:
    # By a hundredth of itself every ten requests.
    growing = spinning(tmp_path, "candidate", grown_ns=MS // 1000)
    amount = replace(SMALL, warm_s=1.0, min_pairs=1, max_pairs=1, pair_s=2.4)

    measured = measure(bench_of(spinning(tmp_path, "baseline"), growing, amount=amount)).summary

    assert {Flag.GROWING, Flag.DRIFT} <= set(measured.candidate.flags)
    assert Flag.GROWING not in measured.baseline.flags


def once(act: Callable[[psutil.Process], object]) -> Callable[[str, float], None]:
    """Does something to one of the residents when a pair has begun, and never again."""
    done: list[psutil.Process] = []

    def report(phase: str, fraction: float) -> None:
        if not done and phase.startswith("pair") and fraction > 0:
            done.append(residents()[0])
            act(done[0])

    return report


def to_another_core(resident: psutil.Process) -> None:
    # The controller keeps itself off the residents' cores.
    resident.cpu_affinity(list(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("act", "told"),
    [(psutil.Process.kill, "was killed from outside"), (to_another_core, "lost its place")],
    ids=["killed", "moved"],
)
def test_a_device_that_vanishes_within_a_pair_leaves_no_half_result(
    tmp_path: Path, tiny_models: Path, act: Callable[[psutil.Process], object], told: str
) -> None:
    for role in (Role.BASELINE, Role.CANDIDATE):
        (tmp_path / "inputs" / role).mkdir(parents=True)
        (tmp_path / "inputs" / role / "model.tflite").write_bytes((tiny_models / "float32.tflite").read_bytes())
    trees = {role: scan(tmp_path / "inputs" / role) for role in (Role.BASELINE, Role.CANDIDATE)}
    task = Task(action=Benchmark(effort=Effort.QUICK), inputs=trees)

    with pytest.raises(WorkerLost, match=told):
        benchmark.run(tmp_path, task, once(act))

    assert not residents()
    assert not (tmp_path / "outputs").exists()


def test_cores_that_are_not_there_lose_the_worker_and_blame_no_model(tmp_path: Path) -> None:
    variant = spinning(tmp_path, "baseline")

    with pytest.raises(TaskError, match="cannot run on cores") as seen:
        Resident(variant, cores=(100_000,), threads=1)

    assert type(seen.value) is WorkerLost


def test_a_runtime_that_binds_itself_to_some_of_its_cores_has_lost_none(tmp_path: Path) -> None:
    cores = tuple(sorted(os.sched_getaffinity(0)))

    with Resident(spinning(tmp_path, "baseline"), cores=cores, threads=1) as resident:
        os.sched_setaffinity(resident.pid, cores[:1])
        resident.require_place()

        assert os.sched_getaffinity(resident.pid) == set(cores)
