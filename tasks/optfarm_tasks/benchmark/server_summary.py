"""Turns the searches of the scenario Server into the two records that are published."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark import rates, raw, stats, verdict
from optfarm_tasks.benchmark.noise import Surroundings
from optfarm_tasks.benchmark.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.rates import SearchAmount
from optfarm_tasks.benchmark.stats import Estimator, Samples
from optfarm_tasks.benchmark.summary import Summary
from optfarm_tasks.benchmark.turns import Bench, Start
from optfarm_tasks.measurement import Flag, Latency, Measurement, Noise, Ratio, Serving, Trial, Verdict
from optfarm_tasks.spec import Profile


@dataclass(frozen=True)
class Served:
    """One trial and its queries."""

    trial: Trial
    table: NDArray[np.int64]
    """Arrival, start, end in ns from the trial's start, CPU time, switches (5, N)."""
    elapsed_ns: int
    run_delay_ns: int | None


@dataclass(frozen=True)
class Search:
    """What one process found."""

    side: Side
    start: Start
    served: tuple[Served, ...]
    peak_rss_bytes: int
    surroundings: Surroundings

    @property
    def rate_per_s(self) -> float:
        """The highest rate that held; 0 when none did."""
        return rates.highest(rates.outcomes([each.trial for each in self.served])) or 0.0

    @property
    def final(self) -> Served:
        """The trial of that rate; of the lowest rate when none held."""
        held = [each for each in self.served if each.trial.holds]
        by_rate = sorted(held or self.served, key=lambda each: each.trial.rate_per_s)
        return by_rate[-1] if held else by_rate[0]


@dataclass(frozen=True)
class Hunt:
    """All searches of an attempt."""

    bench: Bench
    profile: Profile
    bound_ms: float
    amount: SearchAmount
    half_width: float
    attempt: int
    taken: tuple[tuple[Search, Search], ...]
    """Baseline and candidate."""

    def of(self, side: Side) -> tuple[Search, ...]:
        """The searches of one variant."""
        return tuple(both[side] for both in self.taken)


def summarise_server(hunt: Hunt) -> Summary:
    """The published records; the ratio of two rates is null where one of them is 0."""
    found = [(baseline.rate_per_s, candidate.rate_per_s) for baseline, candidate in hunt.taken]
    ratios = tuple(candidate / baseline for baseline, candidate in found) if all(map(all, found)) else ()
    interval = stats.t_interval([math.log(value) for value in ratios])
    is_wide = interval is None or interval.half_width > max(hunt.half_width, hunt.amount.resolution)
    evidence = [_evidence(hunt, side, is_wide=is_wide) for side in (BASELINE, CANDIDATE)]
    own, flags = [verdict.judge(each) for each in evidence], [verdict.flags(each) for each in evidence]
    count = len(hunt.taken)
    against = Ratio(value=stats.ratio(ratios) if ratios else None, ci95=interval and interval.exponential, pairs=count)
    both = tuple(flag for flag in Flag if flag in {*flags[0], *flags[1]})
    itself = Ratio(value=1.0, ci95=None, pairs=count)
    return Summary(
        baseline=_measurement(hunt, evidence[0], BASELINE, reached=own[0], flags=flags[0], ratio=itself),
        candidate=_measurement(hunt, evidence[1], CANDIDATE, reached=verdict.worst(*own), flags=both, ratio=against),
        pair_ratios=ratios,
        estimator=Estimator.RATE,
        columns=_columns(hunt),
    )


def warnings_of(hunt: Hunt) -> Iterator[str]:
    """What is to be known of how it was measured."""
    if len(hunt.taken) < hunt.amount.searches:
        yield f"only {len(hunt.taken)} of {hunt.amount.searches} searches fit into the time"
    for side, variant in enumerate(hunt.bench.variants):
        searches = [both[side] for both in hunt.taken]
        yield from (f"{variant.role}: {warning}" for warning in searches[0].start.warnings)
        fewest = min(each.final.trial.queries for each in searches)
        if all(not search.rate_per_s for search in searches):
            alone_ms = searches[0].start.request_ns / 1e6
            yield (
                f"the {variant.role} holds a p99 of {hunt.bound_ms:g} ms at no rate; "
                f"a query that never waits takes it {alone_ms:.3g} ms"
            )
        elif fewest < rates.QUERIES:
            yield (
                f"the rate of the {variant.role} rests on {fewest} queries, where LoadGen's early stopping wants "
                f"{rates.QUERIES}: it is slow, and a trial takes at most {hunt.amount.trial_s:g} s"
            )


def _evidence(hunt: Hunt, side: Side, *, is_wide: bool) -> verdict.Evidence:
    searches = hunt.of(side)
    samples, threads = _samples(searches), hunt.bench.threads
    finals = [search.final for search in searches]
    delays = [each.run_delay_ns for each in finals if each.run_delay_ns is not None]
    is_told = len(delays) == len(finals)
    return verdict.Evidence(
        noise=Noise(
            run_delay_frac=sum(delays) / sum(each.elapsed_ns for each in finals) if is_told else None,
            preempted_frac=float(1 - samples.is_clean.mean()),
            ext_cpu=_mean([search.surroundings.ext_cpu for search in searches]),
            steal_frac=_mean([search.surroundings.steal_frac for search in searches]),
            psi_cpu_frac=_mean([search.surroundings.psi_cpu_frac for search in searches]),
        ),
        spread=stats.nearest_rank(samples.wall_ns, 0.50) / stats.nearest_rank(samples.wall_ns, 0.05),
        n_clean=int(samples.is_clean.sum()) if threads == 1 else samples.wall_ns.size,
        threads=threads,
        drift=0.0,
        is_shielded=all(search.start.is_shielded for search in searches),
        is_steady=all(search.start.is_steady for search in searches),
        has_few_clean=threads == 1 and stats.has_few_clean(samples),
        is_wide=is_wide,
    )


def _measurement(
    hunt: Hunt, evidence: verdict.Evidence, side: Side, *, reached: Verdict, flags: tuple[Flag, ...], ratio: Ratio
) -> Measurement:
    bench, searches = hunt.bench, hunt.of(side)
    samples, starts = _samples(searches), [search.start for search in searches]
    serving = _serving(hunt, searches)
    return Measurement(
        verdict=reached,
        flags=flags,
        profile=hunt.profile,
        attempt=hunt.attempt,
        scenario=bench.scenario,
        estimator=Estimator.RATE,
        runtime=bench.variants[side].runtime.rpartition(".")[2],
        engine_precision=starts[0].precision,
        threads=bench.threads,
        batch_size=bench.batch_of(side),
        n_requests=samples.wall_ns.size,
        n_clean=int(samples.is_clean.sum()),
        duration_s=sum(search.final.elapsed_ns for search in searches) / 1e9,
        warmup_s=float(np.median([start.warm_ns.sum() for start in starts])) / 1e9,
        load_ms=float(np.median([start.load_ns for start in starts])) / 1e6,
        first_ms=float(np.median([start.first_ns for start in starts])) / 1e6,
        latency_ns=_latency(searches, with_tails=reached is Verdict.CLEAN),
        clean_p50_ns=None,
        cpu_p50_ns=stats.nearest_rank(samples.cpu_ns, 0.50),
        p50_ci95_ns=None,
        throughput_per_s=serving.rate_per_s * bench.batch_of(side),
        peak_rss_bytes=max(search.peak_rss_bytes for search in searches),
        ratio=ratio,
        noise=evidence.noise,
        shielded=evidence.is_shielded,
        serving=serving,
    )


def _serving(hunt: Hunt, searches: Sequence[Search]) -> Serving:
    found = tuple(search.rate_per_s for search in searches)
    finals = [search.final.trial for search in searches]
    fewest = min(trial.queries for trial in finals)
    return Serving(
        bound_ms=hunt.bound_ms,
        rate_per_s=float(np.median(found)),
        rates_per_s=found,
        resolution=hunt.amount.resolution,
        fewest_queries=fewest,
        is_early_stopping_met=fewest >= rates.FEWEST and all(trial.holds for trial in finals),
        trials=tuple(each.trial for each in searches[0].served),
    )


def _latency(searches: Sequence[Search], *, with_tails: bool) -> Latency:
    wall_ns = np.concatenate([search.final.table[2] - search.final.table[0] for search in searches])
    return Latency(
        min=int(wall_ns.min()),
        p05=stats.nearest_rank(wall_ns, 0.05),
        p50=stats.nearest_rank(wall_ns, 0.50),
        p90=stats.tail(wall_ns, 0.90, floor=stats.P90_FLOOR) if with_tails else None,
        p99=stats.tail(wall_ns, 0.99, floor=stats.P99_FLOOR) if with_tails else None,
        mean=float(wall_ns.mean()),
    )


def _samples(searches: Sequence[Search]) -> Samples:
    """The answers of the final trials, without the waiting before them."""
    tables = [search.final.table for search in searches]
    _, start, end, cpu, switches = np.concatenate(tables, axis=1)
    pair = np.repeat(np.arange(len(tables)), [table.shape[1] for table in tables])
    side = np.full(pair.size, searches[0].side, np.int64)
    return Samples(pair, np.zeros_like(pair), side, wall_ns=end - start, cpu_ns=cpu, switches=switches)


def _columns(hunt: Hunt) -> raw.Columns:
    parts = [
        raw.query_columns(number, search.side, trial, rate_per_s=served.trial.rate_per_s, table=served.table)
        for number, both in enumerate(hunt.taken)
        for search in both
        for trial, served in enumerate(search.served)
    ]
    warm = [
        raw.warm_columns(number, search.side, search.start) for number, both in enumerate(hunt.taken) for search in both
    ]
    return {**raw.joined(parts), **raw.joined(warm), "bound_ms": np.array(hunt.bound_ms)}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
