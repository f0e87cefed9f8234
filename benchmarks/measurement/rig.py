"""Drives the farm's own controller, with its child processes, on artifacts that lie in folders."""

import contextlib
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import pairs, stats, verdict
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, Amount
from optfarm_tasks.benchmark.analysis.rules import precision_target_of
from optfarm_tasks.benchmark.analysis.usage import Stretch
from optfarm_tasks.benchmark.controller import paired_scenarios
from optfarm_tasks.benchmark.controller.attempts import Clock
from optfarm_tasks.benchmark.controller.paired_scenarios import MeasurementPlan
from optfarm_tasks.benchmark.controller.resident import Resident, Variant
from optfarm_tasks.benchmark.controller.summary import Summary
from optfarm_tasks.benchmark.controller.turns import PairSetup, block_command, prepare, stretch
from optfarm_tasks.benchmark.host.fingerprint import last_level_cache_bytes
from optfarm_tasks.benchmark.process import shield
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.spec import Effort
from optfarm_tasks.schema.tree import scan

QUICK = replace(pairs.AMOUNTS[Effort.QUICK], backoff_s=())
"""The effort quick, but one attempt: what is invalid counts as that."""
TURN_NS = 1_000_000_000
"""How long a single artifact is timed at a stretch."""

Row = dict[str, Any]


@dataclass(frozen=True)
class Rig:
    """Where is measured."""

    cores: tuple[int, ...]

    @classmethod
    def here(cls) -> "Rig":
        """On the last of the cores that this process may use."""
        return cls(shield.choose_cores(os.sched_getaffinity(0), 1)[0])

    def measure(self, baseline: Path | Variant, candidate: Path | Variant, *, amount: Amount, seed: int) -> Summary:
        """One measurement on one thread, batch 1, random inputs, as a worker takes it; blocks.

        Args:
            baseline: the folder of an artifact, or one with a runtime of its own.
            candidate: the same.
            amount: how much is measured.
            seed: of the order and of the inputs.

        Raises:
            TaskError: one of them cannot be run.
        """
        plan = self._plan((_variant("baseline", baseline), _variant("candidate", candidate)), amount, seed)
        with shield.away_from(self.cores):
            return paired_scenarios.measure(plan, lambda *_: None, clock=Clock()).summary

    @contextlib.contextmanager
    def warm(self, artifact: Path | Variant, *, seed: int) -> Iterator["Warm"]:
        """A fresh resident that is warm, and waits."""
        setup = self._plan((_variant("farm", artifact),) * 2, QUICK, seed).setup
        with shield.away_from(self.cores), Resident(setup.variants[0], cores=self.cores, threads=1) as resident:
            start = prepare(resident, setup, BASELINE)
            plan = pairs.block_plan((start.sample_ns, start.sample_ns), QUICK, settle_ns=setup.settle_ns)
            plan, dropped = replace(plan, min_ns=TURN_NS), plan.dropped[BASELINE]
            command = block_command(plan, start, QUICK, dropped=dropped)
            yield Warm(lambda: stretch(resident, setup, command, rows=3), dropped)

    def _plan(self, variants: tuple[Variant, Variant], amount: Amount, seed: int) -> MeasurementPlan:
        target = precision_target_of(max(scan(each.folder).size_bytes for each in variants), last_level_cache_bytes())
        setup = PairSetup(
            variants, self.cores, threads=1, batch_size=1, seed=seed, amount=amount, settle_ns=target.settle_ns
        )
        return MeasurementPlan(setup, Effort.QUICK, target)


def ratio_row(summary: Summary) -> Row:
    """What a measurement says of its ratio."""
    candidate = summary.candidate
    return {
        "verdict": str(candidate.verdict),
        "flags": [str(flag) for flag in candidate.flags],
        "ratio": candidate.ratio.value,
        "ci95": candidate.ratio.ci95,
        "pair_ratios": summary.pair_ratios,
        "estimator": str(summary.estimator),
        "baseline_p50_ns": summary.baseline.latency_ns.p50,
        "candidate_p50_ns": candidate.latency_ns.p50,
        "run_delay_frac": candidate.noise.run_delay_frac,
        "ext_cpu": candidate.noise.ext_cpu,
    }


class Warm:
    """A single artifact that is timed in turns, as far as something else leaves it the core."""

    def __init__(self, take: Callable[[], tuple[Stretch, NDArray[np.int64]]], dropped: int) -> None:
        """Takes what runs a block, and how many of its first requests are left out."""
        self._take, self._dropped = take, dropped
        self._turns: list[tuple[Stretch, NDArray[np.int64]]] = []

    def turn(self) -> None:
        """Works for a second."""
        used, table = self._take()
        self._turns.append((used, table[0, self._dropped :]))

    def row(self, *, last: int) -> Row:
        """The latencies of the last turns together, in ns, and the verdict that they deserve."""
        turns = self._turns[-last:]
        return _latencies([used for used, _ in turns], np.concatenate([wall_ns for _, wall_ns in turns]))


def _latencies(used: Sequence[Stretch], wall_ns: NDArray[np.int64]) -> Row:
    p50_ns = stats.nearest_rank(wall_ns, 0.50)
    spread = p50_ns / stats.nearest_rank(wall_ns, 0.05)
    delays_ns = [each.run_delay_ns for each in used]
    delay_frac = None if None in delays_ns else sum(filter(None, delays_ns)) / sum(each.elapsed_ns for each in used)
    return {
        "verdict": str(Verdict.CLEAN if verdict.is_clean(delay_frac, spread) else Verdict.DEGRADED),
        "n": int(wall_ns.size),
        "p50_ns": p50_ns,
        "p90_ns": stats.nearest_rank(wall_ns, 0.90),
        "mean_ns": float(np.mean(wall_ns)),
    }


def is_clean(row: Row) -> bool:
    """Whether the verdict of a row is `clean`."""
    return bool(row["verdict"] == Verdict.CLEAN)


def variation(values: Sequence[float]) -> float:
    """The coefficient of variation: the standard deviation (n - 1) over the mean; NaN for fewer than two values."""
    return float(np.std(values, ddof=1) / np.mean(values)) if len(values) > 1 else math.nan


def _variant(role: str, given: Path | Variant) -> Variant:
    return replace(given, role=role) if isinstance(given, Variant) else paired_scenarios.variant_of(role, given)
