"""Turns the pairs of a measurement into the two records that are published."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark import raw
from optfarm_tasks.benchmark.columns import pair_columns
from optfarm_tasks.benchmark.conclusion import Conclusion, Seen, conclude
from optfarm_tasks.benchmark.contention import Contention
from optfarm_tasks.benchmark.halves import Setting
from optfarm_tasks.benchmark.noise import Surroundings
from optfarm_tasks.benchmark.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.turns import Bench, Pair, Start
from optfarm_tasks.measurement import Verdict, holds_one
from optfarm_tasks.spec import Profile, Usual


@dataclass(frozen=True)
class Summary(Conclusion):
    """Both measurements and what they rest on."""

    columns: raw.Columns

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of a measurement that stayed invalid."""
        attempts = f"the machine was too busy to measure on, in {self.candidate.attempt} attempts"
        return () if is_valid(self) else (attempts,)


@dataclass(frozen=True)
class Timing:
    """A stretch that was timed: how long it took, and how long threads waited for CPUs that others had."""

    elapsed_ns: int
    run_delay_ns: int | None
    """None where the kernel does not tell."""


@dataclass(frozen=True)
class Beside:
    """What was known of the host beside an attempt."""

    contention: Contention
    usual: Usual | None

    @property
    def is_null_held(self) -> bool:
        """Whether the device's latest A/A twin allowed for a ratio of 1."""
        return self.usual is None or holds_one(self.usual.null_ci95)


def is_valid(summary: Summary) -> bool:
    """Whether the measurement may be used."""
    return summary.candidate.verdict is not Verdict.INVALID


def setting_of(bench: Bench, profile: Profile, *, attempt: int, half_width: float) -> Setting:
    """What both variants of a bench share."""
    return Setting(
        profile=profile,
        attempt=attempt,
        threads=bench.threads,
        batch_sizes=(bench.batch_of(BASELINE), bench.batch_of(CANDIDATE)),
        half_width=half_width,
        scenario=bench.scenario,
    )


def summarise(bench: Bench, pairs: Sequence[Pair], setting: Setting, beside: Beside) -> Summary:
    """The published records."""
    columns = pair_columns(pairs)
    seen = _seen(bench, pairs, BASELINE, beside), _seen(bench, pairs, CANDIDATE, beside)
    return Summary(**vars(conclude(columns, seen, setting)), columns=columns)


def seen_of(
    runtime: str,
    starts: Sequence[Start],
    timings: Sequence[Timing],
    *,
    peaks_bytes: Sequence[int],
    surroundings: Sequence[Surroundings],
    beside: Beside,
) -> Seen:
    """What was seen of one variant beside its samples, over all its processes.

    Args:
        runtime: the module that ran it.
        starts: one a process.
        timings: what its numbers rest on.
        peaks_bytes: the most memory that each process held.
        surroundings: one a process.
        beside: the host.
    """
    return Seen(
        runtime=runtime.rpartition(".")[2],
        precision=starts[0].precision,
        duration_s=sum(each.elapsed_ns for each in timings) / 1e9,
        load_ms=float(np.median([start.load_ns for start in starts])) / 1e6,
        first_ms=float(np.median([start.first_ns for start in starts])) / 1e6,
        peak_rss_bytes=max(peaks_bytes),
        run_delay_frac=_run_delay(timings),
        ext_cpu=_mean([each.ext_cpu for each in surroundings]),
        steal_frac=_mean([each.steal_frac for each in surroundings]),
        psi_cpu_frac=_mean([each.psi_cpu_frac for each in surroundings]),
        is_shielded=all(start.is_shielded for start in starts),
        is_steady=all(start.is_steady for start in starts),
        contention=beside.contention,
        is_null_held=beside.is_null_held,
    )


def _seen(bench: Bench, pairs: Sequence[Pair], side: Side, beside: Beside) -> Seen:
    blocks = [block for pair in pairs for block in pair.blocks if block.side == side]
    return seen_of(
        bench.variants[side].runtime,
        [pair.starts[side] for pair in pairs],
        [Timing(block.elapsed_ns, block.run_delay_ns) for block in blocks],
        peaks_bytes=[pair.peak_rss_bytes[side] for pair in pairs],
        surroundings=[pair.surroundings for pair in pairs],
        beside=beside,
    )


def _run_delay(timings: Sequence[Timing]) -> float | None:
    delays = [each.run_delay_ns for each in timings if each.run_delay_ns is not None]
    return sum(delays) / sum(each.elapsed_ns for each in timings) if len(delays) == len(timings) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
