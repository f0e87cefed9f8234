"""Runs fixed work whose duration shows whether a device is still what it was."""

import os
from pathlib import Path
from statistics import fmean

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.pairs import Amount
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.controller import host_noise
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.paired_scenarios import MeasurementPlan, measure
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.schema.device import DeviceKind
from optfarm_tasks.schema.result import CanaryResult
from optfarm_tasks.schema.spec import Effort, Role, Task

COMPUTE = {DeviceKind.CPU: "optfarm_tasks.canary.compute", DeviceKind.GPU: "optfarm_tasks.canary.gpu_product"}
FURTHER = {
    DeviceKind.CPU: {},
    DeviceKind.GPU: {"copy": "optfarm_tasks.canary.gpu_copy", "launch": "optfarm_tasks.canary.gpu_launch"},
}
"""What else is timed on a kind of device, by name."""
AMOUNT = Amount(min_pairs=3, max_pairs=3, pair_s=0.6, group_s=20, budget_s=120, backoff_s=())
"""No second attempt: a host that is too busy to measure on is what a canary is to show."""


def run(folder: Path, task: Task, on_progress: OnPhase, *, amount: Amount = AMOUNT) -> CanaryResult:
    """Times a matrix product against itself, then copies in memory, from the last core; blocks for ten seconds.

    Raises:
        WorkerLost: a process was killed from outside.
        OutOfMemory: the kernel ended a process for want of memory.
    """
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    device, compute = task.device, COMPUTE[task.device.kind]
    sides = Variant(Role.BASELINE, folder, compute), Variant(Role.CANDIDATE, folder, compute)
    setup = PairSetup(sides, cores=cores, threads=1, batch_size=1, seed=0, amount=amount, device=device)
    with shield.away_from(cores):
        memory_ns = host_noise.memory_ns(cores)
        further = FURTHER[device.kind].items()
        further_ns = {name: host_noise.work_ns(work, cores, device) for name, work in further}
        summary = measure(
            MeasurementPlan(setup, Effort.QUICK, PrecisionTarget(pairs.HALF_WIDTH)), on_progress, clock=Clock()
        ).summary
    twin = summary.candidate
    return CanaryResult(
        compute_ns=fmean((summary.baseline.latency_ns.p50, twin.latency_ns.p50)),
        memory_ns=memory_ns,
        further_ns=further_ns,
        null_value=twin.ratio.value,
        null_ci95=twin.ratio.ci95,
        verdict=twin.verdict,
        flags=twin.flags,
    )
