"""Measures a task's folder in the scenario that it names, and writes everything down."""

import os
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from optfarm_tasks import formats
from optfarm_tasks.benchmark.analysis import ladder, raw
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE
from optfarm_tasks.benchmark.controller import climb
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.climb import LadderBudget, SettledSetup
from optfarm_tasks.benchmark.controller.paired_scenarios import Measured, MeasurementPlan, measure, plan_of
from optfarm_tasks.benchmark.controller.server_scenario import measure_server
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.benchmark.host.fingerprint import fingerprint
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.errors import BadParameter, Internal
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.schema.result import BenchmarkResult
from optfarm_tasks.schema.spec import Benchmark, Role, Task
from optfarm_tasks.technique import OnProgress


def run(folder: Path, task: Task, on_progress: OnPhase) -> BenchmarkResult:
    """Times inputs/candidate against inputs/baseline and leaves outputs/raw.npz; blocks until it is done.

    Raises:
        BadModel: a variant cannot be loaded or run.
        BadData: the data set cannot be read or does not fit a variant.
        BadParameter: more threads are asked for than this process has cores.
        MissingToolchain: a runtime does not import here.
        OutOfMemory: the kernel ended a variant's process for want of memory.
        WorkerLost: a variant's process was killed from outside.
    """
    action = task.action
    if not isinstance(action, Benchmark):
        raise Internal(f"a {action.kind} task reached the benchmark")
    plan = plan_of(folder, task, action, cores=_cores(1 if action.threads == "auto" else action.threads))
    settled = _settled(folder, task, plan.setup, on_progress=on_progress)
    setup = settled.setup
    found = _measured(replace(plan, setup=setup), action, on_progress)
    summary = found.summary
    raw.write(folder / "outputs", {**summary.columns, **settled.columns}, estimator=summary.estimator)
    return BenchmarkResult(
        baseline=summary.baseline.model_copy(update={"ladders": settled.ladders(BASELINE)}),
        candidate=summary.candidate.model_copy(update={"ladders": settled.ladders(CANDIDATE)}),
        pair_ratios=summary.pair_ratios,
        fingerprint={**fingerprint(setup.cores), **_identity(task, setup, found)},
        input_source="random" if setup.split is None else "data",
        warnings=found.warnings,
    )


def _settled(folder: Path, task: Task, setup: PairSetup, *, on_progress: OnProgress) -> SettledSetup:
    """The setup with every number that was left to the farm, and less time by what choosing them took."""
    action = task.action
    if not isinstance(action, Benchmark) or "auto" not in {action.threads, action.batch_size}:
        return SettledSetup(setup)
    budget = LadderBudget(
        amount=ladder.within(ladder.AMOUNTS[action.effort], task.limits.timeout_s),
        memory_bytes=min(task.limits.memory_bytes, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")),
        fixed=(_fixed_batch(folder, Role.BASELINE, action), _fixed_batch(folder, Role.CANDIDATE, action)),
    )
    started_s = time.monotonic()
    with shield.away_from(setup.cores):
        settled = climb.settle(
            setup, budget, on_progress, batches=action.batch_size == "auto", threads=action.threads == "auto"
        )
    left_s = max(0.0, setup.amount.budget_s - (time.monotonic() - started_s))
    return replace(settled, setup=replace(settled.setup, amount=replace(setup.amount, budget_s=left_s)))


def _fixed_batch(folder: Path, role: Role, action: Benchmark) -> int | None:
    signature = formats.describe(folder / "inputs" / role).signature
    return signature.with_batch_axes(action.batch_axes).fixed_batch


def _measured(plan: MeasurementPlan, action: Benchmark, on_progress: OnPhase) -> Measured:
    how = (
        measure
        if action.latency_limit_ms is None
        else partial(measure_server, latency_limit_ms=action.latency_limit_ms)
    )
    with shield.away_from(plan.setup.cores):
        return how(plan, on_progress, clock=Clock())


def _identity(task: Task, setup: PairSetup, found: Measured) -> dict[str, Any]:
    measured = found.summary.baseline, found.summary.candidate
    return {
        "threads": setup.threads,
        "batch_size": setup.batch_size,
        "digests": {str(role): tree.digest for role, tree in task.inputs.items()},
        "seed": setup.seed,
        "precision": {
            variant.role: each.engine_precision for variant, each in zip(setup.variants, measured, strict=True)
        },
        "inputs": {variant.role: found.starts[side].inputs for side, variant in enumerate(setup.variants)},
    }


def _cores(threads: int) -> tuple[int, ...]:
    allowed = os.sched_getaffinity(0)
    if threads > len(allowed):
        raise BadParameter(f"{threads} threads are asked for, and there are {len(allowed)} cores to pin them to")
    return shield.choose_cores(allowed, threads)[0]
