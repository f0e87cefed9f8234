"""Computes the published measurements of both variants from raw samples and from what was observed beside them."""

import math
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark.analysis import raw, searches, shape, stats, verdict
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE
from optfarm_tasks.benchmark.analysis.rules import of_work
from optfarm_tasks.benchmark.analysis.stats import Estimator, Integers
from optfarm_tasks.benchmark.analysis.variant_stats import Setting, VariantStats, of_pairs
from optfarm_tasks.schema.measurement import Energy, Flag, Latency, Measurement, Noise, Ratio, Verdict
from optfarm_tasks.schema.spec import Scenario


@dataclass(frozen=True)
class HostNoise:
    """What canaries showed of the host before an attempt."""

    canary_ratio: float | None = None
    """The memory canary's time over what is usual on the device; above 1 the memory is slower."""
    canary_missing: str | None = "too few canaries have run on this device to know what is usual"
    """Why there is no ratio."""
    is_null_held: bool = True
    """Whether the device's latest A/A twin allowed for a ratio of 1."""


@dataclass(frozen=True)
class Observed:
    """What was observed of a variant and is not in its samples."""

    runtime: str
    precision: str
    load_ms: float
    first_ms: float
    peak_rss_bytes: int
    floor_rss_bytes: int | None
    """None where it could not be read."""
    meter: str | None
    """Which energy counters were read."""
    no_meter: str | None
    """Why none were."""
    ext_cpu: float | None
    steal_frac: float | None
    psi_cpu_frac: float | None
    is_shielded: bool
    is_steady: bool
    is_deterministic: bool
    host_noise: HostNoise = HostNoise()


@dataclass(frozen=True)
class Conclusion:
    """The measurements of both variants, and the ratio of each pair."""

    baseline: Measurement
    candidate: Measurement
    pair_ratios: tuple[float, ...]
    estimator: Estimator


@dataclass(frozen=True)
class _Judged:
    """Verdict, flags and ratio of one variant."""

    verdict: Verdict
    flags: tuple[Flag, ...]
    ratio: Ratio


def conclude(columns: raw.Columns, observed: tuple[Observed, Observed], setting: Setting) -> Conclusion:
    """The published measurements of the baseline and of the candidate, in any scenario.

    Args:
        columns: the raw samples, as raw.npz holds them.
        observed: what was observed of the baseline and of the candidate.
        setting: what both variants share.
    """
    of_samples = searches.of_searches if setting.scenario is Scenario.SERVER else of_pairs
    found = of_samples(columns, setting)
    interval = stats.t_interval([math.log(value) for value in found.ratios])
    is_wide = interval is None or interval.half_width > found.half_width
    evidence = [
        _evidence(variant, each, threads=setting.threads, is_wide=is_wide)
        for variant, each in zip(found.variants, observed, strict=True)
    ]
    value = stats.ratio(found.ratios) if found.ratios else None
    against = Ratio(value=value, ci95=interval and interval.exponential, pairs=found.count)
    baseline, candidate = (
        _measurement(
            columns, setting, found.estimator, variant=found.variants[side], observed=observed[side], judged=judged
        )
        for side, judged in zip((BASELINE, CANDIDATE), _judged(evidence, against), strict=True)
    )
    return Conclusion(baseline, candidate, pair_ratios=found.ratios, estimator=found.estimator)


def _judged(evidence: list[verdict.Evidence], against: Ratio) -> tuple[_Judged, _Judged]:
    own = [verdict.judge(each) for each in evidence]
    flags = [verdict.flags(each) for each in evidence]
    itself = Ratio(value=1.0, ci95=None, pairs=against.pairs)
    # A ratio is no better than the worse of its sides, and what disturbed one of them disturbed the ratio.
    both = tuple(flag for flag in Flag if flag in {*flags[0], *flags[1]})
    return _Judged(own[0], flags[0], itself), _Judged(verdict.worst(*own), both, against)


def _noise(variant: VariantStats, observed: Observed) -> Noise:
    return Noise(
        run_delay_frac=variant.usage.run_delay_frac,
        preempted_frac=float(1 - variant.samples.is_clean.mean()),
        ext_cpu=observed.ext_cpu,
        steal_frac=observed.steal_frac,
        psi_cpu_frac=observed.psi_cpu_frac,
        canary_ratio=observed.host_noise.canary_ratio,
        canary_missing=observed.host_noise.canary_missing,
    )


def _evidence(variant: VariantStats, observed: Observed, *, threads: int, is_wide: bool) -> verdict.Evidence:
    samples, wall_ns = variant.samples, variant.samples.wall_ns
    return verdict.Evidence(
        noise=_noise(variant, observed),
        spread=stats.nearest_rank(wall_ns, 0.50) / stats.nearest_rank(wall_ns, 0.05),
        n_clean=int(samples.is_clean.sum()) if threads == 1 else wall_ns.size,
        threads=threads,
        trends=variant.trends,
        is_leaking=variant.usage.is_leaking,
        is_bimodal=shape.is_bimodal(wall_ns if threads > 1 else wall_ns[samples.is_clean]),
        is_deterministic=observed.is_deterministic,
        is_shielded=observed.is_shielded,
        is_steady=observed.is_steady,
        has_few_clean=threads == 1 and stats.has_few_clean(samples),
        is_wide=is_wide,
        is_null_held=observed.host_noise.is_null_held,
        gpu=variant.usage.gpu,
    )


def _measurement(
    columns: raw.Columns,
    setting: Setting,
    estimator: Estimator,
    *,
    variant: VariantStats,
    observed: Observed,
    judged: _Judged,
) -> Measurement:
    samples, side, used = variant.samples, int(variant.samples.side[0]), variant.usage
    reason = None if used.energy_mj is not None else observed.no_meter or "the counters could not be read all the time"
    return Measurement(
        verdict=judged.verdict,
        flags=judged.flags,
        effort=setting.effort,
        attempt=setting.attempt,
        scenario=setting.scenario,
        estimator=estimator,
        runtime=observed.runtime,
        engine_precision=observed.precision,
        threads=setting.threads,
        batch_size=setting.batch_sizes[side],
        n_requests=samples.wall_ns.size,
        n_clean=int(samples.is_clean.sum()),
        duration_s=used.duration_s,
        warmup_s=float(np.median(raw.warm_up_ns(columns, side))) / 1e9,
        load_ms=observed.load_ms,
        first_ms=observed.first_ms,
        latency_ns=_latency(variant.latency_ns, with_tails=judged.verdict is Verdict.CLEAN),
        clean_p50_ns=variant.clean_p50_ns,
        cpu_p50_ns=stats.nearest_rank(samples.cpu_ns, 0.50),
        p50_ci95_ns=variant.p50_ci95_ns,
        throughput_per_s=variant.throughput_per_s,
        process_cpu_ns=used.process_cpu_ns,
        peak_rss_bytes=observed.peak_rss_bytes,
        floor_rss_bytes=observed.floor_rss_bytes,
        model_rss_bytes=None
        if observed.floor_rss_bytes is None
        else observed.peak_rss_bytes - observed.floor_rss_bytes,
        energy=Energy(per_request_mj=used.energy_mj, source=observed.meter, reason=reason),
        gpu=used.gpu,
        device_clock=variant.device_clock,
        ratio=judged.ratio,
        noise=_noise(variant, observed),
        shielded=observed.is_shielded,
        rules=(*setting.rules, *of_work(threads=setting.threads, estimator=estimator)),
        server_rates=variant.server_rates,
    )


def _latency(latency_ns: Integers, *, with_tails: bool) -> Latency:
    return Latency(
        min=int(latency_ns.min()),
        p05=stats.nearest_rank(latency_ns, 0.05),
        p50=stats.nearest_rank(latency_ns, 0.50),
        p90=stats.tail(latency_ns, 0.90) if with_tails else None,
        p99=stats.tail(latency_ns, 0.99) if with_tails else None,
        mean=float(latency_ns.mean()),
    )
