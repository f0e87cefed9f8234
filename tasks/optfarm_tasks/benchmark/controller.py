"""Runs a benchmark: plans it, takes pairs until they suffice, retries what was disturbed, and writes it all down."""

import contextlib
import math
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from optfarm_tasks import data, formats, registry, runtimes
from optfarm_tasks.benchmark import energy, pairs, raw, rules, shield, stats
from optfarm_tasks.benchmark.fingerprint import fingerprint, last_level_cache_bytes
from optfarm_tasks.benchmark.process import Variant
from optfarm_tasks.benchmark.summary import Summary, summarise
from optfarm_tasks.benchmark.turns import Bench, Pair, take_pair
from optfarm_tasks.errors import BadParameter, Internal
from optfarm_tasks.measurement import Verdict
from optfarm_tasks.result import BenchmarkResult
from optfarm_tasks.spec import Benchmark, Profile, Role, Task
from optfarm_tasks.technique import Report

_SHARE_OF_LIMIT = 0.8
"""Part of a task's time limit that may be planned with."""


@dataclass(frozen=True)
class Clock:
    """Time, as the controller uses it between pairs."""

    now_s: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Plan:
    """A bench and how sure its ratio is to be."""

    bench: Bench
    profile: Profile
    half_width: float
    rules: tuple[str, ...] = ()
    """What the variants' size decided."""


@dataclass(frozen=True)
class Measured:
    """What came of a plan."""

    summary: Summary
    pairs: tuple[Pair, ...]
    warnings: tuple[str, ...]


def benchmark(folder: Path, task: Task, report: Report) -> BenchmarkResult:
    """Measures the variants of a task's folder; see optfarm_tasks.benchmark.run."""
    if not isinstance(task.action, Benchmark):
        raise Internal(f"a {task.action.kind} task reached the benchmark")
    cores, others = _cores(task.action.threads)
    plan = plan_of(folder, task, task.action, cores=cores)
    with _pinned(others or cores):
        measured = measure(plan, report, clock=Clock())
    raw.write(folder / "outputs", measured.summary.columns, estimator=measured.summary.estimator)
    summary, bench = measured.summary, plan.bench
    return BenchmarkResult(
        baseline=summary.baseline,
        candidate=summary.candidate,
        pair_ratios=summary.pair_ratios,
        fingerprint={**fingerprint(cores), **_identity(task, bench, measured.pairs)},
        input_source="random" if bench.split is None else "data",
        warnings=measured.warnings,
    )


def plan_of(folder: Path, task: Task, action: Benchmark, *, cores: tuple[int, ...]) -> Plan:
    """What to do about a task's folder.

    Raises:
        BadModel: a variant's format is not known.
        BadData: the data set cannot be read.
    """
    variants = [_variant(role, folder / "inputs" / role) for role in (Role.BASELINE, Role.CANDIDATE)]
    data_folder = folder / "inputs" / Role.DATA if Role.DATA in task.inputs else None
    split = data.describe_data(data_folder).splits.get(data.TEST) if data_folder else None
    amount = pairs.AMOUNTS[action.profile]
    budget_s = min(amount.budget_s, _SHARE_OF_LIMIT * task.limits.timeout_s)
    largest = max(task.inputs[role].size_bytes for role in (Role.BASELINE, Role.CANDIDATE))
    bench = Bench(
        variants=(variants[0], variants[1]),
        cores=cores,
        threads=action.threads,
        batch_size=action.batch_size,
        seed=action.seed,
        amount=replace(amount, budget_s=budget_s),
        data=data_folder,
        split=None if split is None else split.model_dump(mode="json"),
        meter=energy.find(os.environ),
    )
    cache = last_level_cache_bytes()
    half_width, of_size = rules.half_width(largest, cache), rules.of_size(largest, cache)
    return Plan(bench, action.profile, half_width=half_width, rules=of_size)


def measure(plan: Plan, report: Report, *, clock: Clock) -> Measured:
    """Takes the measurement again while it is invalid, the profile has a back-off left, and the time allows.

    Raises:
        TaskError: a resident refused or died.
    """
    amount = plan.bench.amount
    started_s = clock.now_s()
    for attempt, backoff_s in enumerate((*amount.backoff_s, None), start=1):
        attempt_started_s = clock.now_s()
        taken = tuple(_attempt(plan, attempt, report, clock=clock, deadline_s=started_s + amount.budget_s))
        summary = summarise(
            plan.bench, taken, profile=plan.profile, attempt=attempt, half_width=plan.half_width, rules=plan.rules
        )
        now_s = clock.now_s()
        again_s = (backoff_s or 0) + now_s - attempt_started_s
        if (
            summary.candidate.verdict is not Verdict.INVALID
            or backoff_s is None
            or not pairs.fits(now_s - started_s, again_s, budget_s=amount.budget_s)
        ):
            break
        report(f"waiting {backoff_s:g} s for a quieter machine", 0.0)
        clock.wait(backoff_s)
    return Measured(summary, taken, tuple(_warnings(plan, taken, summary)))


def _attempt(plan: Plan, attempt: int, report: Report, *, clock: Clock, deadline_s: float) -> Iterator[Pair]:
    bench, amount = plan.bench, plan.bench.amount
    # The order differs between attempts and is the same whenever a task is run again.
    rng = random.Random(f"{bench.seed}/{attempt}")  # noqa: S311 (an order, not a secret)
    taken: list[Pair] = []
    longest_s = 0.0
    while pairs.wants_another_pair(_logs(bench, taken), amount, half_width=plan.half_width):
        started_s = clock.now_s()
        if taken and not pairs.fits(started_s, longest_s, budget_s=deadline_s):
            return
        taken.append(take_pair(bench, rng, _within(report, attempt, len(taken) + 1, amount)))
        longest_s = max(longest_s, clock.now_s() - started_s)
        yield taken[-1]


def _within(report: Report, attempt: int, pair: int, amount: pairs.Amount) -> Callable[[float], None]:
    again = f"attempt {attempt}: " if attempt > 1 else ""
    of = amount.min_pairs if pair <= amount.min_pairs else amount.max_pairs

    def tell(fraction: float) -> None:
        report(f"{again}pair {pair}/{of}", pairs.fraction_done(pair, fraction, amount))

    tell(0.0)
    return tell


def _logs(bench: Bench, taken: Sequence[Pair]) -> list[float]:
    if not taken:
        return []
    samples = raw.kept(raw.columns(taken))
    estimator = stats.choose_estimator(samples, threads=bench.threads)
    return [math.log(value) for value in stats.pair_ratios(samples, estimator)]


def _warnings(plan: Plan, taken: Sequence[Pair], summary: Summary) -> Iterator[str]:
    bench, amount = plan.bench, plan.bench.amount
    if len(taken) < amount.min_pairs:
        yield f"only {len(taken)} of {amount.min_pairs} pairs fit into {amount.budget_s:.0f} s"
    if any(pair.plan.is_cut for pair in taken):
        kept = min(pair.plan.min_requests - pair.plan.dropped for pair in taken)
        yield f"requests are slow: blocks were cut to {kept} timed requests"
    for side, variant in enumerate(bench.variants):
        yield from (f"{variant.role}: {warning}" for warning in taken[0].starts[side].warnings)
        group = max(pair.starts[side].group for pair in taken)
        if group > 1:
            yield f"a request of the {variant.role} takes under 50 µs: timed {group} together, a sample is their mean"
    if summary.candidate.verdict is Verdict.INVALID:
        yield f"the machine was too busy to measure on, in {summary.candidate.attempt} attempts"


def _identity(task: Task, bench: Bench, taken: Sequence[Pair]) -> dict[str, Any]:
    return {
        "threads": bench.threads,
        "batch_size": bench.batch_size,
        "digests": {str(role): tree.digest for role, tree in task.inputs.items()},
        "seed": bench.seed,
        "precision": {variant.role: taken[0].starts[side].precision for side, variant in enumerate(bench.variants)},
        "inputs": {variant.role: taken[0].starts[side].inputs for side, variant in enumerate(bench.variants)},
    }


def _variant(role: Role, folder: Path) -> Variant:
    name = registry.runtime_for(formats.detect(folder))
    return Variant(str(role), folder, f"{runtimes.__name__}.{name.replace('-', '_')}")


def _cores(threads: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    allowed = os.sched_getaffinity(0)
    if threads > len(allowed):
        raise BadParameter(f"{threads} threads are asked for, and there are {len(allowed)} cores to pin them to")
    return shield.choose_cores(allowed, threads)


@contextlib.contextmanager
def _pinned(cores: tuple[int, ...]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    shield.pin(cores)
    try:
        yield
    finally:
        shield.pin(tuple(before))
