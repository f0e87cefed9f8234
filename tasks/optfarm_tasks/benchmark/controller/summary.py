"""Turns the pairs of a measurement into the two published measurements."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.benchmark.analysis.conclusion import Conclusion, HostNoise, Observed, conclude
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.analysis.variant_stats import Setting
from optfarm_tasks.benchmark.controller.turns import PairSetup, ProcessRecord
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.spec import Effort


@dataclass(frozen=True)
class Summary(Conclusion):
    """Both measurements and the raw samples that they were computed from."""

    columns: raw.Columns

    @property
    def warnings(self) -> tuple[str, ...]:
        """The warning about a measurement that stayed invalid."""
        attempts = f"the machine was too busy to measure on, in {self.candidate.attempt} attempts"
        return () if is_valid(self) else (attempts,)


def is_valid(summary: Summary) -> bool:
    """Whether the measurement may be used."""
    return summary.candidate.verdict is not Verdict.INVALID


def disturbances(summary: Summary) -> tuple[str, ...] | None:
    """The flags of a measurement that may not be used; None when it may."""
    return None if is_valid(summary) else tuple(map(str, summary.candidate.flags))


def setting_of(setup: PairSetup, effort: Effort, target: PrecisionTarget, *, attempt: int) -> Setting:
    """What both variants of a setup share."""
    return Setting(
        effort=effort,
        attempt=attempt,
        threads=setup.threads,
        batch_sizes=(setup.batch_of(BASELINE), setup.batch_of(CANDIDATE)),
        half_width=target.half_width,
        rules=target.rules,
        scenario=setup.scenario,
    )


def summary_of(
    columns: raw.Columns,
    setup: PairSetup,
    processes: Sequence[tuple[ProcessRecord, ProcessRecord]],
    setting: Setting,
    host_noise: HostNoise,
) -> Summary:
    """Both measurements of raw samples and of the processes, baseline and candidate, that gave them."""
    baseline, candidate = (
        _observed(setup, side, [both[side] for both in processes], host_noise) for side in (BASELINE, CANDIDATE)
    )
    return Summary(**vars(conclude(columns, (baseline, candidate), setting)), columns=columns)


def _observed(setup: PairSetup, side: Side, processes: Sequence[ProcessRecord], host_noise: HostNoise) -> Observed:
    starts, ends = [each.start for each in processes], [each.end for each in processes]
    surroundings = [each.surroundings for each in processes]
    highest = max(ends, key=lambda end: end.peak_rss_bytes)
    return Observed(
        runtime=setup.variants[side].runtime.rpartition(".")[2],
        precision=ends[0].precision,
        load_ms=float(np.median([start.load_ns for start in starts])) / 1e6,
        first_ms=float(np.median([start.first_ns for start in starts])) / 1e6,
        peak_rss_bytes=highest.peak_rss_bytes,
        floor_rss_bytes=highest.floor_rss_bytes,
        meter=setup.meter.source,
        no_meter=setup.meter.reason,
        ext_cpu=_mean([each.ext_cpu for each in surroundings]),
        steal_frac=_mean([each.steal_frac for each in surroundings]),
        psi_cpu_frac=_mean([each.psi_cpu_frac for each in surroundings]),
        is_shielded=all(start.is_shielded for start in starts),
        is_steady=all(start.is_steady for start in starts),
        host_noise=host_noise,
        is_deterministic=all(end.is_deterministic for end in ends),
    )


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
