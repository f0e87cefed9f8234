"""The published numbers are computed again from raw samples, and files that hold something else are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.benchmark.analysis.recompute import differences, recompute
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.measurement import Energy, Flag, Verdict
from optfarm_tasks.schema.spec import Benchmark, Effort, Inspect, Role, Task
from tests.unit.sampled import ARTIFACT, MODEL, benchmark, columns

TASK = Task(
    action=Benchmark(effort=Effort.QUICK, batch_size=2), inputs={Role.BASELINE: MODEL, Role.CANDIDATE: ARTIFACT}
)
USED = columns()


def test_a_result_follows_from_its_raw_samples(tmp_path: Path) -> None:
    samples = columns(1.7)
    result = benchmark(samples, ARTIFACT)
    raw.write(tmp_path, samples, estimator=result.candidate.estimator)

    stored, estimator = raw.read(tmp_path / raw.FILE)
    again = recompute(result, TASK, stored)

    assert (again.baseline, again.candidate) == (result.baseline, result.candidate)
    assert (again.pair_ratios, again.estimator) == (result.pair_ratios, estimator)
    assert again.candidate.ratio.value == pytest.approx(1.7, rel=0.01)
    assert again.candidate.warmup_s == pytest.approx(30 * 0.0405, rel=0.02)


@pytest.mark.parametrize(
    ("changes", "verdict", "flag"),
    [
        ({"is_steady": False}, Verdict.CLEAN, Flag.NO_STEADY_STATE),
        ({"is_shielded": False}, Verdict.CLEAN, Flag.UNSHIELDED),
        ({"is_deterministic": False}, Verdict.CLEAN, Flag.NONDETERMINISTIC),
        ({"ext_cpu": 0.2}, Verdict.CLEAN, Flag.EXT_LOAD),
    ],
)
def test_what_was_seen_beside_the_samples_still_decides(changes: dict[str, Any], verdict: Verdict, flag: Flag) -> None:
    samples = columns()
    result = benchmark(samples, ARTIFACT, **changes)

    again = recompute(result, TASK, samples)

    assert again.candidate == result.candidate
    assert again.candidate.verdict is verdict
    assert flag in again.candidate.flags
    assert (again.candidate.latency_ns.p90 is None) == (verdict is not Verdict.CLEAN)


def test_what_each_block_used_is_summed_up_again() -> None:
    samples = columns()

    candidate = recompute(benchmark(samples, ARTIFACT), TASK, samples).candidate

    # Of 18 blocks of 40 requests in 80 ms.
    assert candidate.duration_s == pytest.approx(18 * 0.08)
    assert candidate.noise.run_delay_frac == pytest.approx(0.01)
    assert candidate.process_cpu_ns == pytest.approx(78e6 / 40)
    assert candidate.energy == Energy(per_request_mj=900 / 40, source="rapl package-0", reason=None)
    assert candidate.model_rss_bytes == 20_000_000
    assert Flag.GROWING not in candidate.flags


@pytest.mark.parametrize(
    ("change", "verdict", "flag"),
    [
        ({"block_run_delay_ns": USED["block_elapsed_ns"] * 0.2}, Verdict.DEGRADED, Flag.PREEMPTED),
        ({"block_held_bytes": 1e7 * (1 + USED["block_index"])}, Verdict.CLEAN, Flag.GROWING),
    ],
)
def test_what_blocks_used_decides(change: raw.Columns, verdict: Verdict, flag: Flag) -> None:
    samples = columns() | change

    candidate = recompute(benchmark(columns(), ARTIFACT), TASK, samples).candidate

    assert candidate.verdict is verdict
    assert flag in candidate.flags


def test_energy_that_some_block_lacks_is_not_made_up() -> None:
    samples = columns()
    samples["block_energy_uj"][0] = np.nan

    again = recompute(benchmark(samples, ARTIFACT), TASK, samples)

    assert again.baseline.energy is not None
    assert again.baseline.energy.per_request_mj is None
    assert again.baseline.energy.reason == "the counters could not be read all the time"


def test_only_a_benchmark_measures() -> None:
    with pytest.raises(BadData, match="inspect"):
        recompute(benchmark(columns(), ARTIFACT), Task(action=Inspect(), inputs={}), columns())


def test_differences_name_the_value_and_forgive_its_last_digits() -> None:
    published = {"mean": 0.1 + 0.2, "ci95": (1.0, 2.0), "p99": None, "flags": ("drift",)}
    computed = {"mean": 0.3, "ci95": (1.0, 2.1), "p99": 7, "flags": ()}

    assert list(differences(published, computed, "latency")) == [
        "latency.ci95[1]: 2 published, 2.1 found",
        "latency.p99: None published, 7 found",
        "latency.flags: (drift) published, () found",
    ]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda it: it.pop("switches"), "switches is missing"),
        (lambda it: it.update(cpu_ns=it["cpu_ns"][1:]), "not of one length"),
        (lambda it: it.update(wall_ns=it["wall_ns"] / 2), "not integers"),
        (lambda it: it.update(dropped=it["dropped"].astype(int)), "not true or false"),
        (lambda it: it.update(wall_ns=-it["wall_ns"]), "took no time"),
        (lambda it: it.update(side=np.zeros_like(it["side"])), "both variants"),
        (lambda it: it.update(side=it["side"] + 1), "both variants"),
        (lambda it: it.update(dropped=np.ones_like(it["dropped"])), "both variants"),
        (lambda it: it.update(pair=np.arange(it["pair"].size)), "both variants"),
        (lambda it: it.update(warm_side=np.zeros_like(it["warm_side"])), "both variants"),
        (lambda it: it.pop("block_energy_uj"), "block_energy_uj is missing"),
        (lambda it: it.update(block_index=it["block_index"] + 1), "what each of its blocks used"),
        (lambda it: it.update(block_elapsed_ns=it["block_elapsed_ns"] * 0), "blocks that took no time"),
        (lambda it: it.update(block_energy_uj=-it["block_energy_uj"]), "less than nothing"),
    ],
)
def test_what_are_no_raw_samples_is_refused(
    tmp_path: Path, damage: Callable[[raw.Columns], object], message: str
) -> None:
    samples = columns()
    damage(samples)
    raw.write(tmp_path, samples, estimator="clean_p50")

    with pytest.raises(BadData, match=message):
        raw.read(tmp_path / raw.FILE)


def test_raw_samples_name_their_estimator(tmp_path: Path) -> None:
    np.savez(tmp_path / raw.FILE, allow_pickle=False, estimator=np.arange(3), **columns())

    with pytest.raises(BadData, match="names no estimator"):
        raw.read(tmp_path / raw.FILE)


def clocked(samples: raw.Columns, *, silent: int | None = None) -> raw.Columns:
    """The same on a device whose kernels take 0.8 of each request and its copies 0.1; one variant may have no clock."""
    heard = samples["side"] != silent
    parts = zip(raw.CLOCKS, (0.05, 0.8, 0.1), strict=True)
    return samples | {name: np.where(heard, (samples["wall_ns"] * part).astype(np.int64), -1) for name, part in parts}


def test_the_clock_of_a_device_is_computed_again_too(tmp_path: Path) -> None:
    samples = clocked(columns(1.7))
    result = benchmark(samples, ARTIFACT)
    raw.write(tmp_path, samples, estimator=result.candidate.estimator)

    stored, _ = raw.read(tmp_path / raw.FILE)
    again = recompute(result, TASK, stored)

    clock = again.candidate.device_clock
    assert again.candidate == result.candidate
    assert clock is not None
    assert clock.ratio is not None
    assert clock.ratio.value == pytest.approx(1.7, rel=0.01)
    assert clock.explained == pytest.approx(0.9, rel=1e-3)
    assert clock.compute_p50_ns == pytest.approx(0.8 * again.candidate.latency_ns.p50, rel=1e-3)


def test_a_device_that_has_no_clock_says_nothing_beside_one_that_has() -> None:
    found = benchmark(clocked(columns(), silent=0), ARTIFACT)

    assert found.baseline.device_clock is None
    assert found.candidate.device_clock is not None
    assert found.candidate.device_clock.ratio is None
    assert benchmark(columns(), ARTIFACT).candidate.device_clock is None


def test_a_clock_of_a_part_of_the_requests_is_refused(tmp_path: Path) -> None:
    samples = clocked(columns())
    raw.write(tmp_path, samples | {"compute_ns": samples["compute_ns"][1:]}, estimator="p50")

    with pytest.raises(BadData, match="not of one length"):
        raw.read(tmp_path / raw.FILE)
