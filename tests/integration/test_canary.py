"""Real canaries: on a device as it is, and on one whose core somebody else keeps busy."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from optfarm_scheduler.decisions.control_chart import Canary, Standing, judged
from optfarm_tasks.actions import canary
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.controller import host_noise
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.paired_scenarios import MeasurementPlan, measure
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.errors import MissingToolchain
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.measurement import Flag, Verdict
from optfarm_tasks.schema.result import CanaryResult
from optfarm_tasks.schema.spec import Canary as CanaryAction
from optfarm_tasks.schema.spec import Effort, Task, Usual

MOST_RUNS = 4
SHORT = replace(canary.AMOUNT, min_pairs=1, max_pairs=1)
TASK = Task(action=CanaryAction(), inputs={})
LOAD = """
import sys
from optfarm_tasks.benchmark.process import shield
shield.pin((int(sys.argv[1]),))
shield.raise_priority()
while True:
    pass
"""


@contextmanager
def load_on(core: int) -> Iterator[None]:
    """A process that wants all of a core, with the priority of those that measure there."""
    busy = subprocess.Popen([sys.executable, "-c", LOAD, str(core)], start_new_session=True)
    try:
        yield
    finally:
        busy.kill()
        busy.wait()


def run(folder: Path) -> CanaryResult:
    return canary.run(folder, TASK, lambda *_: None, amount=SHORT)


def undisturbed(folder: Path) -> CanaryResult:
    """A canary on the device as it is; others may be at work there for a while."""
    runs = [run(folder)]
    while runs[-1].verdict is Verdict.INVALID and len(runs) < MOST_RUNS:
        runs.append(run(folder))
    return min(runs, key=lambda each: each.compute_ns)


def as_usual(found: CanaryResult) -> Standing:
    """A device that has always been as this canary found it, within two percent."""
    factors = (1.0, 0.98, 1.01, 1.02, 0.99, 1.0, 1.01, 1.0)
    before = [Canary(at, found.compute_ns * each, found.memory_ns * each) for at, each in enumerate(factors)]
    return reduce(judged, before, Standing())


def test_a_device_whose_core_is_kept_busy_leaves_its_band(tmp_path: Path) -> None:
    core = max(os.sched_getaffinity(0))
    quiet = undisturbed(tmp_path)

    with load_on(core):
        slowed = run(tmp_path)

    found = judged(as_usual(quiet), Canary(99.0, slowed.compute_ns, slowed.memory_ns)).quarantine
    assert found is not None, (quiet, slowed)
    assert "its compute canary took" in found.reason


def test_a_measurement_is_compared_with_what_is_usual_on_its_device(tmp_path: Path) -> None:
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    sides = (
        Variant("baseline", tmp_path, canary.COMPUTE[DeviceKind.CPU]),
        Variant("candidate", tmp_path, canary.COMPUTE[DeviceKind.CPU]),
    )
    setup = PairSetup(sides, cores=cores, threads=1, batch_size=1, seed=0, amount=SHORT)
    plan = MeasurementPlan(
        setup, Effort.QUICK, PrecisionTarget(0.01), usual=Usual(memory_ns=1e4, null_ci95=(1.01, 1.02))
    )

    found = measure(plan, lambda *_: None, clock=Clock()).summary.candidate

    assert found.noise.canary_ratio is not None
    assert found.noise.canary_ratio > 1.25
    assert found.noise.canary_missing is None
    assert {Flag.MEM_CONTENTION, Flag.NULL_FAILED} <= set(found.flags)


def test_what_is_not_known_to_be_usual_is_said_to_be_missing() -> None:
    unknown = host_noise.host_noise_of(Usual(memory_ns=None, null_ci95=None), (0,))

    assert unknown.canary_ratio is None
    assert unknown.canary_missing == "too few canaries have run on this device to know what is usual"


def test_the_canary_of_a_gpu_says_what_keeps_it_from_the_gpu(tmp_path: Path) -> None:
    gpu = Task(action=CanaryAction(), inputs={}, device=DeviceSpec(kind=DeviceKind.GPU, index=0))

    with pytest.raises(MissingToolchain, match="the canary of a GPU imports torch"):
        canary.run(tmp_path, gpu, lambda *_: None, amount=SHORT)
