"""Measures the SingleStream and Offline scenarios: takes pairs until their ratio is precise enough."""

import math
import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from optfarm_tasks import formats, registry, runtimes
from optfarm_tasks.benchmark.analysis import pairs, raw
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget, precision_target_of
from optfarm_tasks.benchmark.analysis.variant_stats import ratios_of
from optfarm_tasks.benchmark.controller.attempts import Clock, until_valid
from optfarm_tasks.benchmark.controller.columns import pair_columns
from optfarm_tasks.benchmark.controller.host_noise import host_noise_of
from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.benchmark.controller.summary import Summary, disturbances, setting_of, summary_of
from optfarm_tasks.benchmark.controller.turns import Pair, PairSetup, Start, take_pair
from optfarm_tasks.benchmark.host import energy
from optfarm_tasks.benchmark.host.fingerprint import last_level_cache_bytes
from optfarm_tasks.data_sets import data
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.schema.device import DeviceKind
from optfarm_tasks.schema.spec import Benchmark, Effort, Role, Task, Usual
from optfarm_tasks.technique import OnProgress

_SHARE_OF_LIMIT = 0.8
"""Part of a task's time limit that may be planned with."""


@dataclass(frozen=True)
class MeasurementPlan:
    """What is measured, at which effort, and how precise the ratio has to be."""

    setup: PairSetup
    effort: Effort
    target: PrecisionTarget
    usual: Usual | None = None
    """What is usual on the device; None where that is not known."""


@dataclass(frozen=True)
class Measured:
    """The outcome of a measurement."""

    summary: Summary
    starts: tuple[Start, Start]
    """The first process of each variant."""
    warnings: tuple[str, ...]


def plan_of(folder: Path, task: Task, action: Benchmark, *, cores: tuple[int, ...]) -> MeasurementPlan:
    """The plan for a task's folder; each number that is left to the farm is 1.

    Raises:
        BadModel: a variant's format is not known.
        BadParameter: the wanted runtime does not run the candidate.
        BadData: the data set cannot be read.
    """
    variants = [
        variant_of(role, folder / "inputs" / role, device=task.device.kind, wanted=action.runtime)
        for role in (Role.BASELINE, Role.CANDIDATE)
    ]
    data_folder = folder / "inputs" / Role.DATA if Role.DATA in task.inputs else None
    split = data.describe_data(data_folder).splits.get(data.TEST) if data_folder else None
    amount = pairs.AMOUNTS[action.effort]
    budget_s = min(amount.budget_s, _SHARE_OF_LIMIT * task.limits.timeout_s)
    largest = max(task.inputs[role].size_bytes for role in (Role.BASELINE, Role.CANDIDATE))
    target = precision_target_of(largest, last_level_cache_bytes())
    setup = PairSetup(
        variants=(variants[0], variants[1]),
        cores=cores,
        threads=1 if action.threads == "auto" else action.threads,
        batch_size=1 if action.batch_size == "auto" else action.batch_size,
        seed=action.seed,
        amount=replace(amount, budget_s=budget_s),
        data=data_folder,
        device=task.device,
        batch_axes=action.batch_axes,
        split=None if split is None else split.model_dump(mode="json"),
        scenario=action.scenario,
        meter=energy.find(os.environ),
        settle_ns=target.settle_ns,
    )
    return MeasurementPlan(setup, action.effort, target, usual=task.usual)


def variant_of(role: str, folder: Path, *, device: DeviceKind = DeviceKind.CPU, wanted: str | None = None) -> Variant:
    """The artifact in a folder, with the runtime that runs it; see `registry.runtime_for`.

    Raises:
        BadModel: its format is not known.
        BadParameter: no runtime runs it there, or the wanted one does not.
    """
    name = registry.runtime_for(formats.detect(folder), device=device, wanted=wanted, role=role)
    return Variant(role, folder, f"{runtimes.__name__}.{name.replace('-', '_')}")


def measure(plan: MeasurementPlan, on_progress: OnPhase, *, clock: Clock) -> Measured:
    """Takes pairs, and takes them again while the measurement is invalid; see `until_valid`.

    Raises:
        TaskError: a resident refused or died.
    """

    def attempt(number: int, deadline_s: float) -> tuple[Summary, tuple[Pair, ...]]:
        host_noise = host_noise_of(plan.usual, plan.setup.cores)
        taken = tuple(_attempt(plan, number, on_progress, clock=clock, deadline_s=deadline_s))
        setting = setting_of(plan.setup, plan.effort, plan.target, attempt=number)
        processes = [pair.processes for pair in taken]
        return summary_of(pair_columns(taken), plan.setup, processes, setting, host_noise), taken

    found = until_valid(attempt, lambda it: disturbances(it[0]), on_progress, amount=plan.setup.amount, clock=clock)
    summary, taken = found
    baseline, candidate = taken[0].processes
    return Measured(summary, (baseline.start, candidate.start), tuple(_warnings(plan, taken, summary)))


def _attempt(
    plan: MeasurementPlan, attempt: int, on_progress: OnProgress, *, clock: Clock, deadline_s: float
) -> Iterator[Pair]:
    setup, amount = plan.setup, plan.setup.amount
    # The order differs between attempts and is the same whenever a task is run again.
    rng = random.Random(f"{setup.seed}/{attempt}")  # noqa: S311 (an order, not a secret)
    orders = pairs.spawn_orders(rng)
    taken: list[Pair] = []
    longest_s = 0.0
    while pairs.wants_another_pair(_logs(plan, taken), amount, half_width=plan.target.half_width):
        started_s = clock.now_s()
        if taken and not pairs.fits(started_s, longest_s, budget_s=deadline_s):
            return
        taken.append(take_pair(setup, next(orders), rng, _on_fraction(on_progress, attempt, len(taken) + 1, amount)))
        longest_s = max(longest_s, clock.now_s() - started_s)
        yield taken[-1]


def _on_fraction(on_progress: OnProgress, attempt: int, pair: int, amount: pairs.Amount) -> Callable[[float], None]:
    again = f"attempt {attempt}: " if attempt > 1 else ""
    of = amount.min_pairs if pair <= amount.min_pairs else amount.max_pairs

    def on_fraction(fraction: float) -> None:
        on_progress(f"{again}pair {pair}/{of}", pairs.fraction_done(pair, fraction, amount))

    on_fraction(0.0)
    return on_fraction


def _logs(plan: MeasurementPlan, taken: Sequence[Pair]) -> list[float]:
    if not taken:
        return []
    setting = setting_of(plan.setup, plan.effort, plan.target, attempt=1)
    _, ratios = ratios_of(raw.kept(pair_columns(taken)), setting)
    return [math.log(value) for value in ratios]


def _warnings(plan: MeasurementPlan, taken: Sequence[Pair], summary: Summary) -> Iterator[str]:
    setup, amount = plan.setup, plan.setup.amount
    if len(taken) < amount.min_pairs:
        yield f"only {len(taken)} of {amount.min_pairs} pairs fit into {amount.budget_s:.0f} s"
    if any(pair.plan.is_cut for pair in taken):
        kept = min(pair.plan.kept for pair in taken)
        yield f"requests are slow: blocks were cut to {kept} timed requests"
    for side, variant in enumerate(setup.variants):
        yield from (f"{variant.role}: {warning}" for warning in taken[0].processes[side].start.warnings)
        group = max(pair.processes[side].start.group for pair in taken)
        if group > 1:
            yield f"a request of the {variant.role} takes under 50 µs: timed {group} together, a sample is their mean"
    yield from summary.warnings
