"""A device that works beside the host (OpenCL on the CPU's own threads), timed from end to end and by its events."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optfarm_tasks.benchmark.analysis import pairs, raw
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.controller import paired_scenarios
from optfarm_tasks.benchmark.controller.paired_scenarios import Clock, Measured, MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Resident, Variant
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.process import protocol, shield
from optfarm_tasks.benchmark.process.asynchronous import time_asynchronous
from optfarm_tasks.benchmark.process.clock import Span
from optfarm_tasks.errors import Internal
from optfarm_tasks.schema.spec import Effort
from tests.integration import opencl_runtime
from tests.integration.opencl_runtime import WIDTH, Settling

ROOT = Path(__file__).parents[2]
AMOUNT = replace(pairs.AMOUNTS[Effort.QUICK], min_pairs=2, max_pairs=2, pair_s=1.0, backoff_s=())
SLOW, FAST = 20_000, 10_000
"""Rounds of a kernel: one takes twice as long as the other."""
MS = 1_000_000


@pytest.fixture(autouse=True)
def _cache_is_the_test_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("POCL_CACHE_DIR", str(tmp_path))


def settling(folder: Path, role: str, **settings: Any) -> Variant:
    """An artifact of the OpenCL runtime."""
    own = folder / role
    own.mkdir()
    (own / "opencl.json").write_text(json.dumps(settings))
    return Variant(role, own, opencl_runtime.__name__)


def measure(baseline: Variant, candidate: Variant, **changes: Any) -> Measured:
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    setup = PairSetup((baseline, candidate), cores=cores, threads=1, batch_size=1, seed=0, amount=AMOUNT)
    plan = MeasurementPlan(replace(setup, **changes), Effort.QUICK, PrecisionTarget(0.01))
    return paired_scenarios.measure(plan, lambda *_: None, clock=Clock())


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    folder = tmp_path_factory.mktemp("three-clocks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("POCL_CACHE_DIR", str(folder))
        return measure(settling(folder, "baseline", rounds=SLOW), settling(folder, "candidate", rounds=FAST))


def test_a_request_is_right_and_over_when_its_result_is_there() -> None:
    session = Settling(3000)
    given = np.random.default_rng(0).normal(size=(2, WIDTH)).astype(np.float32)

    request = session.enqueue(session.feed({"x": given}))

    np.testing.assert_allclose(request.result(), 1 + (given - 1) * 0.999**3000, rtol=1e-3)
    assert request.is_over()


def test_kernels_and_copies_explain_the_time_from_end_to_end(measured: Measured) -> None:
    for each in (measured.summary.baseline, measured.summary.candidate):
        assert each.device_clock is not None
        assert 0.98 <= each.device_clock.explained <= 1.0
        assert 0 < each.device_clock.copies_p50_ns < each.device_clock.compute_p50_ns


def test_a_request_is_handed_over_long_before_it_is_done(measured: Measured) -> None:
    clock = measured.summary.baseline.device_clock

    assert clock is not None
    assert clock.enqueue_p50_ns < clock.compute_p50_ns / 10
    assert measured.summary.columns["enqueue_ns"].shape == measured.summary.columns["wall_ns"].shape


def test_both_clocks_give_the_same_ratio(measured: Measured) -> None:
    candidate = measured.summary.candidate
    clock = candidate.device_clock

    assert clock is not None
    assert clock.ratio is not None
    assert clock.ratio.value == pytest.approx(candidate.ratio.value, rel=0.02)
    assert clock.ratio.pairs == candidate.ratio.pairs == 2
    assert measured.summary.baseline.device_clock.ratio is None  # type: ignore[union-attr]  # it is there, see above


def test_the_clocks_are_kept_in_the_raw_samples(measured: Measured, tmp_path: Path) -> None:
    raw.write(tmp_path, measured.summary.columns, estimator=measured.summary.estimator)

    columns, _ = raw.read(tmp_path / raw.FILE)

    assert (columns["compute_ns"] > 0).all()
    assert (columns["compute_ns"] + columns["copies_ns"] <= columns["wall_ns"]).all()


def test_a_runtime_that_does_not_wait_for_its_device_is_caught(tmp_path: Path) -> None:
    late = settling(tmp_path, "candidate", rounds=FAST, waits=False)

    with pytest.raises(Internal, match="candidate: the runtime gave a result before its device was done"):
        measure(settling(tmp_path, "baseline", rounds=FAST), late)


def test_nothing_is_timed_in_groups_on_such_a_device(tmp_path: Path) -> None:
    variant = settling(tmp_path, "candidate", rounds=1)
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    with Resident(variant, cores=cores, threads=1) as resident:
        resident.ask(protocol.Load(variant.runtime, str(variant.folder), threads=1, batch_size=1, seed=0))
        warm = resident.ask(protocol.WarmUp(2000 * MS))
        rung = resident.ask(protocol.TimeRung(2, min_ns=MS, min_requests=3, max_ns=1000 * MS))

    assert warm.group == 1
    assert np.frombuffer(rung.samples, np.int64).size >= 3


def test_each_request_has_its_own_clocks() -> None:
    session = Settling(FAST)
    feeds = [session.feed({"x": np.zeros((count, WIDTH), np.float32)}) for count in (1, 4)]
    session.run(feeds[0])

    timed = time_asynchronous(session.enqueue, feeds, Span(0, 8, 10**12), room=8)

    assert timed.table.shape == (6, 8)
    assert timed.device_ns is not None
    assert np.median(timed.device_ns[1, 1::2]) > 2 * np.median(timed.device_ns[1, ::2])
