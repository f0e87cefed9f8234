"""Drives the farm's own controller, with its child processes, on artifacts that lie in folders."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks.benchmark import controller, pairs, raw, shield, stats
from optfarm_tasks.benchmark.attempts import Clock
from optfarm_tasks.benchmark.controller import Plan
from optfarm_tasks.benchmark.fingerprint import last_level_cache_bytes
from optfarm_tasks.benchmark.pairs import Amount
from optfarm_tasks.benchmark.process import Variant
from optfarm_tasks.benchmark.rules import aim_of
from optfarm_tasks.benchmark.summary import Summary
from optfarm_tasks.benchmark.turns import Bench
from optfarm_tasks.measurement import Verdict
from optfarm_tasks.spec import Profile
from optfarm_tasks.tree import scan

QUICK = replace(pairs.AMOUNTS[Profile.QUICK], backoff_s=())
"""The profile quick, but one attempt: what is invalid counts as that."""
TWIN = replace(QUICK, min_pairs=1, max_pairs=1, pair_s=3.0)
"""One pair: two processes, for the latency of a single artifact."""

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
        variants = _variant("baseline", baseline), _variant("candidate", candidate)
        aim = aim_of(max(scan(each.folder).size_bytes for each in variants), last_level_cache_bytes())
        bench = Bench(
            variants, cores=self.cores, threads=1, batch_size=1, seed=seed, amount=amount, settle_ns=aim.settle_ns
        )
        plan = Plan(bench, Profile.QUICK, aim)
        with shield.away_from(self.cores):
            return controller.measure(plan, lambda _phase, _fraction: None, clock=Clock()).summary

    def latency(self, artifact: Path | Variant, *, seed: int) -> Row:
        """The latency of one artifact, in ns, over both processes of a pair with itself."""
        summary = self.measure(artifact, artifact, amount=TWIN, seed=seed)
        wall_ns = raw.kept(summary.columns).wall_ns
        return {
            "verdict": str(summary.candidate.verdict),
            "n": int(wall_ns.size),
            "p50_ns": stats.nearest_rank(wall_ns, 0.50),
            "p90_ns": stats.tail(wall_ns, 0.90),
            "mean_ns": float(np.mean(wall_ns)),
        }


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


def is_clean(row: Row) -> bool:
    """Whether the verdict of a row is `clean`."""
    return bool(row["verdict"] == Verdict.CLEAN)


def variation(values: Sequence[float]) -> float:
    """The coefficient of variation: the standard deviation (n - 1) over the mean; NaN for fewer than two values."""
    return float(np.std(values, ddof=1) / np.mean(values)) if len(values) > 1 else math.nan


def _variant(role: str, given: Path | Variant) -> Variant:
    return replace(given, role=role) if isinstance(given, Variant) else controller.variant_of(role, given)
