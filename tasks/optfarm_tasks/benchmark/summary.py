"""Turns the pairs of a measurement into the two records that are published."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark import raw, stats, verdict
from optfarm_tasks.benchmark.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.stats import Estimator, Samples
from optfarm_tasks.benchmark.turns import Bench, Block, Pair, Start
from optfarm_tasks.measurement import Flag, Latency, Measurement, Noise, Ratio, Verdict
from optfarm_tasks.spec import Profile, Scenario


@dataclass(frozen=True)
class Summary:
    """Both measurements and what they rest on."""

    baseline: Measurement
    candidate: Measurement
    pair_ratios: tuple[float, ...]
    estimator: Estimator
    columns: raw.Columns

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of a measurement that stayed invalid."""
        attempts = f"the machine was too busy to measure on, in {self.candidate.attempt} attempts"
        return () if is_valid(self) else (attempts,)


def is_valid(summary: Summary) -> bool:
    """Whether the measurement may be used."""
    return summary.candidate.verdict is not Verdict.INVALID


@dataclass(frozen=True)
class _Setting:
    bench: Bench
    profile: Profile
    attempt: int
    estimator: Estimator
    is_wide: bool


@dataclass(frozen=True)
class _Half:
    """One variant's part of all pairs."""

    side: Side
    samples: Samples
    starts: tuple[Start, ...]
    blocks: tuple[Block, ...]
    peak_rss_bytes: int
    noise: Noise


def summarise(bench: Bench, pairs: Sequence[Pair], *, profile: Profile, attempt: int, half_width: float) -> Summary:
    """The published records; an interval of the log ratio is too wide when half of it passes half_width."""
    columns = raw.columns(pairs)
    samples = raw.kept(columns)
    estimator, ratios = ratios_of(bench, samples)
    interval = stats.t_interval([math.log(value) for value in ratios])
    is_wide = interval is None or interval.half_width > half_width
    setting = _Setting(bench, profile, attempt, estimator, is_wide)
    baseline, candidate = (_half(pairs, samples, side) for side in (BASELINE, CANDIDATE))
    evidence = [_evidence(half, setting) for half in (baseline, candidate)]
    own = [verdict.judge(each) for each in evidence]
    flags = [verdict.flags(each) for each in evidence]
    itself = Ratio(value=1.0, ci95=None, pairs=len(pairs))
    against = Ratio(value=stats.ratio(ratios), ci95=interval and interval.exponential, pairs=len(pairs))
    # A ratio is no better than the worse of its sides, and what disturbed one of them disturbed the ratio.
    both = tuple(flag for flag in Flag if flag in {*flags[0], *flags[1]})
    return Summary(
        baseline=_measurement(baseline, setting, reached=own[0], flags=flags[0], ratio=itself),
        candidate=_measurement(candidate, setting, reached=verdict.worst(*own), flags=both, ratio=against),
        pair_ratios=ratios,
        estimator=estimator,
        columns=columns,
    )


def ratios_of(bench: Bench, samples: Samples) -> tuple[Estimator, tuple[float, ...]]:
    """What the ratio of a bench rests on, and its value in each pair."""
    if bench.scenario is not Scenario.OFFLINE:
        estimator = stats.choose_estimator(samples, threads=bench.threads)
        return estimator, stats.pair_ratios(samples, estimator)
    batch_sizes = bench.batch_of(BASELINE), bench.batch_of(CANDIDATE)
    return Estimator.RATE, stats.pair_ratios(samples, Estimator.RATE, batch_sizes=batch_sizes)


def _half(pairs: Sequence[Pair], samples: Samples, side: Side) -> _Half:
    own = samples.where(samples.side == side)
    blocks = tuple(block for pair in pairs for block in pair.blocks if block.side == side)
    return _Half(
        side=side,
        samples=own,
        starts=tuple(pair.starts[side] for pair in pairs),
        blocks=blocks,
        peak_rss_bytes=max(pair.peak_rss_bytes[side] for pair in pairs),
        noise=Noise(
            run_delay_frac=_run_delay(blocks),
            preempted_frac=float(1 - own.is_clean.mean()),
            ext_cpu=_mean([pair.surroundings.ext_cpu for pair in pairs]),
            steal_frac=_mean([pair.surroundings.steal_frac for pair in pairs]),
            psi_cpu_frac=_mean([pair.surroundings.psi_cpu_frac for pair in pairs]),
        ),
    )


def _evidence(half: _Half, setting: _Setting) -> verdict.Evidence:
    samples, threads = half.samples, setting.bench.threads
    wall_ns = samples.wall_ns
    return verdict.Evidence(
        noise=half.noise,
        spread=stats.nearest_rank(wall_ns, 0.50) / stats.nearest_rank(wall_ns, 0.05),
        n_clean=int(samples.is_clean.sum()) if threads == 1 else wall_ns.size,
        threads=threads,
        drift=stats.drift(samples),
        is_shielded=all(start.is_shielded for start in half.starts),
        is_steady=all(start.is_steady for start in half.starts),
        has_few_clean=threads == 1 and stats.has_few_clean(samples),
        is_wide=setting.is_wide,
    )


def _measurement(
    half: _Half, setting: _Setting, *, reached: Verdict, flags: tuple[Flag, ...], ratio: Ratio
) -> Measurement:
    samples, starts, bench = half.samples, half.starts, setting.bench
    clean_ns = samples.wall_ns[samples.is_clean]
    return Measurement(
        verdict=reached,
        flags=flags,
        profile=setting.profile,
        attempt=setting.attempt,
        scenario=bench.scenario,
        estimator=setting.estimator,
        runtime=bench.variants[half.side].runtime.rpartition(".")[2],
        engine_precision=starts[0].precision,
        threads=bench.threads,
        batch_size=bench.batch_of(half.side),
        n_requests=samples.wall_ns.size,
        n_clean=clean_ns.size,
        duration_s=sum(block.elapsed_ns for block in half.blocks) / 1e9,
        warmup_s=float(np.median([start.warm_ns.sum() for start in starts])) / 1e9,
        load_ms=float(np.median([start.load_ns for start in starts])) / 1e6,
        first_ms=float(np.median([start.first_ns for start in starts])) / 1e6,
        latency_ns=_latency(samples, with_tails=reached is Verdict.CLEAN),
        clean_p50_ns=stats.nearest_rank(clean_ns, 0.50) if clean_ns.size and bench.threads == 1 else None,
        cpu_p50_ns=stats.nearest_rank(samples.cpu_ns, 0.50),
        p50_ci95_ns=stats.process_interval(samples, _of_medians(setting.estimator)),
        throughput_per_s=bench.batch_of(half.side) / float(samples.wall_ns.mean()) * 1e9,
        peak_rss_bytes=half.peak_rss_bytes,
        ratio=ratio,
        noise=half.noise,
        shielded=all(start.is_shielded for start in starts),
    )


def _of_medians(estimator: Estimator) -> Estimator:
    return Estimator.P50 if estimator is Estimator.RATE else estimator


def _latency(samples: Samples, *, with_tails: bool) -> Latency:
    wall_ns = samples.wall_ns
    return Latency(
        min=int(wall_ns.min()),
        p05=stats.nearest_rank(wall_ns, 0.05),
        p50=stats.nearest_rank(wall_ns, 0.50),
        p90=stats.tail(wall_ns, 0.90, floor=stats.P90_FLOOR) if with_tails else None,
        p99=stats.tail(wall_ns, 0.99, floor=stats.P99_FLOOR) if with_tails else None,
        mean=float(wall_ns.mean()),
    )


def _run_delay(blocks: Sequence[Block]) -> float | None:
    delays = [block.run_delay_ns for block in blocks if block.run_delay_ns is not None]
    return sum(delays) / sum(block.elapsed_ns for block in blocks) if len(delays) == len(blocks) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
