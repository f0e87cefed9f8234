"""A GPU is watched while variants are timed on it: the real binding over a scripted NVML, and real processes."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from threading import Timer

import pytest

from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.benchmark.host import energy, nvml
from optfarm_tasks.benchmark.host.gpu import EVERY_S, GpuWatch
from optfarm_tasks.errors import WorkerLost
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.measurement import Flag, Measurement, Verdict
from tests.integration.test_benchmark import ROOT, SMALL, measure, setup_of, spinning
from tests.nvml import L4, TWO, ScriptedNvml
from tests.waiting import until

PINNED = TWO | {"0.processes": "pinned"}
OTHER = 4194303
"""A pid that no process here has."""


@pytest.fixture
def pinned(gpus: ScriptedNvml, monkeypatch: pytest.MonkeyPatch) -> ScriptedNvml:
    """The first GPU is that of this process and its children."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", L4)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    gpus.become(PINNED)
    return gpus


def measured(folder: Path, *, pair_s: float = 0.5) -> tuple[Measurement, raw.Columns]:
    """The candidate of two equal variants, timed on the GPU."""
    setup = setup_of(spinning(folder, "baseline"), spinning(folder, "candidate"))
    on_gpu = replace(
        setup,
        device=DeviceSpec(kind=DeviceKind.GPU, index=0, uuid=L4),
        meter=energy.find(os.environ),
        amount=replace(SMALL, min_pairs=1, max_pairs=1, pair_s=pair_s),
    )
    found = measure(on_gpu)
    return found.summary.candidate, found.summary.columns


@pytest.fixture
def later() -> Iterator[Callable[[float, Callable[[], None]], None]]:
    """Has something happen after some seconds."""
    timers: list[Timer] = []

    def start(seconds: float, act: Callable[[], None]) -> None:
        timers.append(Timer(seconds, act))
        timers[-1].start()

    yield start
    for timer in timers:
        timer.cancel()


@pytest.mark.usefixtures("pinned")
def test_a_quiet_gpu_is_described_and_flagged_by_nothing(tmp_path: Path) -> None:
    candidate, columns = measured(tmp_path)

    assert candidate.gpu is not None
    assert (candidate.gpu.sm_mhz, candidate.gpu.memory_mhz) == ((2040, 2040), (6251, 6251))
    assert (candidate.gpu.power_w, candidate.gpu.temperature_c, candidate.gpu.strangers) == (60.0, 45, 0)
    assert candidate.gpu.held_bytes == 512 << 20
    assert not {Flag.THROTTLED, Flag.FOREIGN_PID, Flag.CLOCKS_UNLOCKED} & set(candidate.flags)
    assert candidate.energy is not None
    # The scripted counter runs at 60 W, and a request takes a millisecond or somewhat more.
    assert candidate.energy.per_request_mj == pytest.approx(60 * candidate.latency_ns.mean / 1e6, rel=0.5)
    assert columns["block_gpu_strangers"].size == columns["block_side"].size


@pytest.mark.parametrize(
    ("state", "flag"),
    [
        ({"0.reasons": "0x40"}, Flag.THROTTLED),
        ({"0.processes": f"pinned,{OTHER}"}, Flag.FOREIGN_PID),
    ],
)
def test_heat_or_a_stranger_in_the_midst_makes_it_invalid(
    state: dict[str, object], flag: Flag, pinned: ScriptedNvml, tmp_path: Path
) -> None:
    pinned.become(PINNED, state)

    candidate, _ = measured(tmp_path)

    assert candidate.verdict is Verdict.INVALID
    assert flag in candidate.flags


def test_where_own_processes_are_not_listed_it_cannot_be_told_who_is_there(
    pinned: ScriptedNvml, tmp_path: Path
) -> None:
    pinned.become(TWO, {"0.processes": OTHER})

    candidate, _ = measured(tmp_path)

    assert candidate.gpu is not None
    assert candidate.gpu.strangers is None
    assert Flag.FOREIGN_PID in candidate.flags


def test_raw_samples_keep_what_was_seen(pinned: ScriptedNvml, tmp_path: Path) -> None:
    pinned.become(PINNED, {"fail.GetPowerUsage": 3, "fail.GetViolationStatus": 3})
    candidate, columns = measured(tmp_path)

    raw.write(tmp_path / "raw", columns, estimator="clean_p50")
    stored, _ = raw.read(tmp_path / "raw" / raw.FILE)

    assert candidate.gpu is not None
    assert candidate.gpu.power_w is None
    assert set(stored) >= {"block_gpu_reasons", "block_gpu_hot_ns"}


def test_a_gpu_that_falls_off_in_the_midst_loses_the_worker_its_task(
    pinned: ScriptedNvml, tmp_path: Path, later: Callable[[float, Callable[[], None]], None]
) -> None:
    later(6, lambda: pinned.become(PINNED, {"0.lost": 1}))

    with pytest.raises(WorkerLost, match="the GPU cannot be watched: it has fallen off the bus"):
        measured(tmp_path, pair_s=30)


def watched(own: tuple[int, ...] = ()) -> AbstractContextManager[GpuWatch]:
    return GpuWatch(L4, own)


def test_what_came_and_went_between_two_blocks_is_not_held_against_the_second(pinned: ScriptedNvml) -> None:
    own = TWO | {"0.processes": os.getpid()}
    pinned.become(own)
    with watched((os.getpid(),)) as watch:
        pinned.become(own, {"0.reasons": "0x08", "0.sm_mhz": 900})
        until(lambda: watch.use(0, 0, watch.counters()).reasons == 0x08, deadline_s=10)
        pinned.become(own, {"0.violation_1": 7})
        _await_samples(watch)
        before, begun_ns = watch.counters(), time.perf_counter_ns()
        _await_samples(watch)
        quiet = watch.use(os.getpid(), begun_ns, before)
        pinned.become(own, {"0.violation_1": 9})
        hot = watch.use(os.getpid(), begun_ns, before)

    assert (quiet.reasons, quiet.sm_low_mhz, quiet.hot_ns, quiet.strangers) == (0, 2040, 0, 0)
    assert hot.hot_ns == 2


def _await_samples(watch: GpuWatch) -> None:
    """Until the latest sample was begun after this moment."""
    now_ns = time.perf_counter_ns()
    until(lambda: watch._samples[-1].at_ns > now_ns, deadline_s=10)


@pytest.mark.usefixtures("pinned")
def test_it_goes_on_sampling_at_least_ten_times_a_second() -> None:
    assert EVERY_S <= 0.1
    with watched() as watch:
        _await_samples(watch)
        _await_samples(watch)


def test_a_gpu_that_is_not_there_cannot_be_watched(pinned: ScriptedNvml) -> None:
    pinned.become({})

    with pytest.raises(nvml.NoGpu, match="not there any more"), watched():
        pass
