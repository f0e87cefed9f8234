"""What misbehaves while it is measured is flagged, with real resident processes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from optfarm_tasks.benchmark.energy import Rapl, Zone
from optfarm_tasks.measurement import Flag
from tests.integration.test_benchmark import MS, ROOT, SMALL, bench_of, measure, spinning

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


def test_a_machine_without_counters_says_why_it_tells_no_energy(tmp_path: Path) -> None:
    bench = bench_of(
        spinning(tmp_path, "baseline"),
        spinning(tmp_path, "candidate"),
        amount=replace(SMALL, min_pairs=1, max_pairs=1, pair_s=0.2),
    )

    energy = measure(bench).summary.candidate.energy

    assert energy is not None
    assert (energy.per_request_mj, energy.source) == (None, None)
    assert energy.reason == "it was not asked for"
