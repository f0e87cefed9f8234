"""Concludes the published records from raw samples and from what was seen beside them; the same wherever it is done."""

import math
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark import raw, stats, verdict
from optfarm_tasks.benchmark.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.stats import Estimator, Samples
from optfarm_tasks.measurement import Flag, Latency, Measurement, Noise, Ratio, Verdict
from optfarm_tasks.spec import Profile


@dataclass(frozen=True)
class Setting:
    """What both variants of a measurement share."""

    profile: Profile
    attempt: int
    threads: int
    batch_size: int
    half_width: float
    """An interval of the log ratio is too wide when half of it passes this."""


@dataclass(frozen=True)
class Seen:
    """What the samples of a variant do not tell."""

    runtime: str
    precision: str
    duration_s: float
    load_ms: float
    first_ms: float
    peak_rss_bytes: int
    run_delay_frac: float | None
    ext_cpu: float | None
    steal_frac: float | None
    psi_cpu_frac: float | None
    is_shielded: bool
    is_steady: bool


@dataclass(frozen=True)
class Conclusion:
    """Both records, and the ratio of each pair."""

    baseline: Measurement
    candidate: Measurement
    pair_ratios: tuple[float, ...]
    estimator: Estimator


@dataclass(frozen=True)
class _Half:
    """One variant's part of all pairs."""

    samples: Samples
    seen: Seen
    noise: Noise
    warmup_s: float


def conclude(columns: raw.Columns, seen: tuple[Seen, Seen], setting: Setting) -> Conclusion:
    """The published records of the baseline and of the candidate.

    Args:
        columns: the raw samples, as raw.npz holds them.
        seen: of the baseline and of the candidate.
        setting: what they share.
    """
    samples = raw.kept(columns)
    estimator = stats.choose_estimator(samples, threads=setting.threads)
    ratios = stats.pair_ratios(samples, estimator)
    interval = stats.t_interval([math.log(value) for value in ratios])
    is_wide = interval is None or interval.half_width > setting.half_width
    halves = [_half(columns, samples, side, seen[side]) for side in (BASELINE, CANDIDATE)]
    evidence = [_evidence(half, threads=setting.threads, is_wide=is_wide) for half in halves]
    own = [verdict.judge(each) for each in evidence]
    flags = [verdict.flags(each) for each in evidence]
    itself = Ratio(value=1.0, ci95=None, pairs=len(ratios))
    against = Ratio(value=stats.ratio(ratios), ci95=interval and interval.exponential, pairs=len(ratios))
    # A ratio is no better than the worse of its sides, and what disturbed one of them disturbed the ratio.
    both = tuple(flag for flag in Flag if flag in {*flags[0], *flags[1]})
    records = [
        _measurement(half, setting, estimator, reached=reached, flags=shown, ratio=ratio)
        for half, reached, shown, ratio in zip(
            halves, (own[0], verdict.worst(*own)), (flags[0], both), (itself, against), strict=True
        )
    ]
    return Conclusion(baseline=records[0], candidate=records[1], pair_ratios=ratios, estimator=estimator)


def _half(columns: raw.Columns, samples: Samples, side: Side, seen: Seen) -> _Half:
    own = samples.where(samples.side == side)
    noise = Noise(
        run_delay_frac=seen.run_delay_frac,
        preempted_frac=float(1 - own.is_clean.mean()),
        ext_cpu=seen.ext_cpu,
        steal_frac=seen.steal_frac,
        psi_cpu_frac=seen.psi_cpu_frac,
    )
    warm_ns = raw.warm_up_ns(columns, side)
    return _Half(own, seen, noise, warmup_s=float(np.median(warm_ns)) / 1e9)


def _evidence(half: _Half, *, threads: int, is_wide: bool) -> verdict.Evidence:
    samples, wall_ns = half.samples, half.samples.wall_ns
    return verdict.Evidence(
        noise=half.noise,
        spread=stats.nearest_rank(wall_ns, 0.50) / stats.nearest_rank(wall_ns, 0.05),
        n_clean=int(samples.is_clean.sum()) if threads == 1 else wall_ns.size,
        threads=threads,
        drift=stats.drift(samples),
        is_shielded=half.seen.is_shielded,
        is_steady=half.seen.is_steady,
        has_few_clean=threads == 1 and stats.has_few_clean(samples),
        is_wide=is_wide,
    )


def _measurement(
    half: _Half,
    setting: Setting,
    estimator: Estimator,
    *,
    reached: Verdict,
    flags: tuple[Flag, ...],
    ratio: Ratio,
) -> Measurement:
    samples, seen = half.samples, half.seen
    clean_ns = samples.wall_ns[samples.is_clean]
    return Measurement(
        verdict=reached,
        flags=flags,
        profile=setting.profile,
        attempt=setting.attempt,
        estimator=estimator,
        runtime=seen.runtime,
        engine_precision=seen.precision,
        threads=setting.threads,
        batch_size=setting.batch_size,
        n_requests=samples.wall_ns.size,
        n_clean=clean_ns.size,
        duration_s=seen.duration_s,
        warmup_s=half.warmup_s,
        load_ms=seen.load_ms,
        first_ms=seen.first_ms,
        latency_ns=_latency(samples, with_tails=reached is Verdict.CLEAN),
        clean_p50_ns=stats.nearest_rank(clean_ns, 0.50) if clean_ns.size and setting.threads == 1 else None,
        cpu_p50_ns=stats.nearest_rank(samples.cpu_ns, 0.50),
        p50_ci95_ns=stats.process_interval(samples, estimator),
        throughput_per_s=setting.batch_size / float(samples.wall_ns.mean()) * 1e9,
        peak_rss_bytes=seen.peak_rss_bytes,
        ratio=ratio,
        noise=half.noise,
        shielded=seen.is_shielded,
    )


def _latency(samples: Samples, *, with_tails: bool) -> Latency:
    wall_ns = samples.wall_ns
    return Latency(
        min=int(wall_ns.min()),
        p05=stats.nearest_rank(wall_ns, 0.05),
        p50=stats.nearest_rank(wall_ns, 0.50),
        p90=stats.tail(wall_ns, 0.90) if with_tails else None,
        p99=stats.tail(wall_ns, 0.99) if with_tails else None,
        mean=float(wall_ns.mean()),
    )
