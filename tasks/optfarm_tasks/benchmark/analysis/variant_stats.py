"""Computes the statistics of each variant and their ratio from the raw samples of pairs."""

from dataclasses import dataclass, replace

import numpy as np

from optfarm_tasks.benchmark.analysis import device_clock, raw, stats
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.rates import SearchAmount
from optfarm_tasks.benchmark.analysis.stats import Estimator, Integers, Samples
from optfarm_tasks.benchmark.analysis.usage import Usage, usage
from optfarm_tasks.schema.measurement import DeviceClock, Interval, ServerRates
from optfarm_tasks.schema.spec import Effort, Scenario


@dataclass(frozen=True)
class ServerSetting:
    """How the Server scenario is measured."""

    latency_limit_ms: float
    amount: SearchAmount


@dataclass(frozen=True)
class Setting:
    """What both variants of a measurement share, and the batches of the baseline and of the candidate."""

    effort: Effort
    attempt: int
    threads: int
    batch_sizes: tuple[int, int]
    half_width: float
    """The widest half of the log ratio's interval that is precise enough."""
    rules: tuple[str, ...] = ()
    """See PrecisionTarget."""
    scenario: Scenario = Scenario.SINGLE_STREAM
    server: ServerSetting | None = None
    """None in the other scenarios."""


@dataclass(frozen=True)
class VariantStats:
    """The statistics of one variant over all pairs, or all searches."""

    samples: Samples
    """Timed requests; in the Server scenario from the start of each answer, without the time in the queue."""
    latency_ns: Integers
    """The published latencies (N,); in the Server scenario from each query's arrival, with the time in the queue."""
    trends: tuple[float, ...]
    """How far the last groups of each process are above its first ones, as a fraction."""
    clean_p50_ns: int | None
    p50_ci95_ns: Interval | None
    throughput_per_s: float
    usage: Usage
    device_clock: DeviceClock | None = None
    server_rates: ServerRates | None = None


@dataclass(frozen=True)
class PairedStats:
    """The statistics of both variants, and their ratios."""

    variants: tuple[VariantStats, VariantStats]
    estimator: Estimator
    ratios: tuple[float, ...]
    """One per pair; in the Server scenario none where a variant keeps the latency limit at no rate."""
    count: int
    """Pairs or searches."""
    half_width: float
    """The widest half of the log ratio's interval that is precise enough."""


def of_pairs(columns: raw.Columns, setting: Setting) -> PairedStats:
    """The statistics of both variants from requests that were sent one after the other."""
    samples = raw.kept(columns)
    estimator, ratios = ratios_of(samples, setting)
    baseline, candidate = (
        _variant_stats(columns, samples, setting, estimator, side=side) for side in (BASELINE, CANDIDATE)
    )
    if candidate.device_clock is not None:
        by_kernels = device_clock.ratio_of(columns, samples, batch_sizes=setting.batch_sizes)
        clock = candidate.device_clock.model_copy(update={"ratio": by_kernels})
        candidate = replace(candidate, device_clock=clock)
    return PairedStats((baseline, candidate), estimator, ratios, count=len(ratios), half_width=setting.half_width)


def ratios_of(samples: Samples, setting: Setting) -> tuple[Estimator, tuple[float, ...]]:
    """The estimator of the ratio, and the ratio of each pair; Offline it is of rates, at each variant's batch size."""
    if setting.scenario is Scenario.OFFLINE:
        return Estimator.RATE, stats.pair_ratios(samples, Estimator.RATE, batch_sizes=setting.batch_sizes)
    estimator = stats.choose_estimator(samples, threads=setting.threads)
    return estimator, stats.pair_ratios(samples, estimator)


def _variant_stats(
    columns: raw.Columns, samples: Samples, setting: Setting, estimator: Estimator, *, side: Side
) -> VariantStats:
    own = samples.where(samples.side == side)
    clean_ns = own.wall_ns[own.is_clean]
    of_median = Estimator.P50 if estimator is Estimator.RATE else estimator
    return VariantStats(
        samples=own,
        latency_ns=own.wall_ns,
        trends=stats.trends(own),
        clean_p50_ns=stats.nearest_rank(clean_ns, 0.50) if clean_ns.size and setting.threads == 1 else None,
        p50_ci95_ns=stats.process_interval(own, of_median),
        throughput_per_s=setting.batch_sizes[side] / float(np.mean(own.wall_ns)) * 1e9,
        usage=usage(columns, side, requests=int(columns["requests"][columns["side"] == side].sum())),
        device_clock=device_clock.of_variant(columns, side),
    )
