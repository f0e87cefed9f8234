"""Measures the fixed works by the machinery of the benchmark."""

import os
from pathlib import Path
from statistics import fmean

from optfarm_tasks.benchmark import contention, pairs, shield
from optfarm_tasks.benchmark.attempts import Clock
from optfarm_tasks.benchmark.controller import Plan, measure
from optfarm_tasks.benchmark.pairs import Amount
from optfarm_tasks.benchmark.process import Variant
from optfarm_tasks.benchmark.rules import Aim
from optfarm_tasks.benchmark.turns import Bench
from optfarm_tasks.result import CanaryResult
from optfarm_tasks.spec import Profile, Role
from optfarm_tasks.technique import Report

COMPUTE = "optfarm_tasks.canary.compute"
AMOUNT = Amount(min_pairs=3, max_pairs=3, pair_s=0.6, group_s=20, budget_s=120, backoff_s=())
"""No second attempt: a host that is too busy to measure on is what a canary is to tell."""


def canary(folder: Path, report: Report, *, amount: Amount = AMOUNT) -> CanaryResult:
    """Runs both works; see optfarm_tasks.canary.run."""
    cores, _ = shield.choose_cores(os.sched_getaffinity(0), 1)
    sides = Variant(Role.BASELINE, folder, COMPUTE), Variant(Role.CANDIDATE, folder, COMPUTE)
    bench = Bench(sides, cores=cores, threads=1, batch_size=1, seed=0, amount=amount)
    with shield.away_from(cores):
        memory_ns = contention.memory_ns(cores)
        summary = measure(Plan(bench, Profile.QUICK, Aim(pairs.HALF_WIDTH)), report, clock=Clock()).summary
    twin = summary.candidate
    return CanaryResult(
        compute_ns=fmean((summary.baseline.latency_ns.p50, twin.latency_ns.p50)),
        memory_ns=memory_ns,
        null_value=twin.ratio.value,
        null_ci95=twin.ratio.ci95,
        verdict=twin.verdict,
        flags=twin.flags,
    )
