"""Turns the pairs of a measurement into the two records that are published."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optfarm_tasks.benchmark import raw, shape, stats, verdict
from optfarm_tasks.benchmark.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.rules import of_work
from optfarm_tasks.benchmark.stats import Estimator, Samples
from optfarm_tasks.benchmark.turns import Bench, Block, End, Pair, Start
from optfarm_tasks.measurement import Energy, Flag, Latency, Measurement, Noise, Ratio, Verdict
from optfarm_tasks.spec import Profile


@dataclass(frozen=True)
class Summary:
    """Both measurements and what they rest on."""

    baseline: Measurement
    candidate: Measurement
    pair_ratios: tuple[float, ...]
    estimator: Estimator
    columns: raw.Columns


@dataclass(frozen=True)
class _Setting:
    bench: Bench
    profile: Profile
    attempt: int
    estimator: Estimator
    is_wide: bool
    rules: tuple[str, ...]


@dataclass(frozen=True)
class _Half:
    """One variant's part of all pairs."""

    side: Side
    samples: Samples
    starts: tuple[Start, ...]
    blocks: tuple[Block, ...]
    ends: tuple[End, ...]
    is_leaking: bool
    noise: Noise


def summarise(
    bench: Bench,
    pairs: Sequence[Pair],
    *,
    profile: Profile,
    attempt: int,
    half_width: float,
    rules: tuple[str, ...] = (),
) -> Summary:
    """The published records; an interval of the log ratio is too wide when half of it passes half_width.

    Args:
        bench: what was measured.
        pairs: what was taken.
        profile: how much was asked for.
        attempt: counts from 1.
        half_width: how narrow the interval should be.
        rules: what the variants' size decided.
    """
    columns = raw.columns(pairs)
    samples = raw.kept(columns)
    estimator = stats.choose_estimator(samples, threads=bench.threads)
    ratios = stats.pair_ratios(samples, estimator)
    interval = stats.t_interval([math.log(value) for value in ratios])
    is_wide = interval is None or interval.half_width > half_width
    setting = _Setting(
        bench, profile, attempt, estimator, is_wide, (*rules, *of_work(threads=bench.threads, estimator=estimator))
    )
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


def _half(pairs: Sequence[Pair], samples: Samples, side: Side) -> _Half:
    own = samples.where(samples.side == side)
    blocks = tuple(block for pair in pairs for block in pair.blocks if block.side == side)
    return _Half(
        side=side,
        samples=own,
        starts=tuple(pair.starts[side] for pair in pairs),
        blocks=blocks,
        ends=tuple(pair.ends[side] for pair in pairs),
        is_leaking=all(_is_leaking(pair, side) for pair in pairs),
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
        trends=stats.trends(samples),
        is_leaking=half.is_leaking,
        is_bimodal=shape.is_bimodal(wall_ns if threads > 1 else wall_ns[samples.is_clean]),
        is_deterministic=all(end.is_deterministic for end in half.ends),
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
    highest = max(half.ends, key=lambda end: end.peak_rss_bytes)
    return Measurement(
        verdict=reached,
        flags=flags,
        profile=setting.profile,
        attempt=setting.attempt,
        estimator=setting.estimator,
        runtime=bench.variants[half.side].runtime.rpartition(".")[2],
        engine_precision=starts[0].precision,
        threads=bench.threads,
        batch_size=bench.batch_size,
        n_requests=samples.wall_ns.size,
        n_clean=clean_ns.size,
        duration_s=sum(block.elapsed_ns for block in half.blocks) / 1e9,
        warmup_s=float(np.median([start.warm_ns.sum() for start in starts])) / 1e9,
        load_ms=float(np.median([start.load_ns for start in starts])) / 1e6,
        first_ms=float(np.median([start.first_ns for start in starts])) / 1e6,
        latency_ns=_latency(samples, with_tails=reached is Verdict.CLEAN),
        clean_p50_ns=stats.nearest_rank(clean_ns, 0.50) if clean_ns.size and bench.threads == 1 else None,
        cpu_p50_ns=stats.nearest_rank(samples.cpu_ns, 0.50),
        p50_ci95_ns=stats.process_interval(samples, setting.estimator),
        throughput_per_s=bench.batch_size / float(samples.wall_ns.mean()) * 1e9,
        process_cpu_ns=sum(block.process_cpu_ns for block in half.blocks)
        / sum(block.requests for block in half.blocks),
        peak_rss_bytes=highest.peak_rss_bytes,
        floor_rss_bytes=highest.floor_rss_bytes,
        model_rss_bytes=highest.peak_rss_bytes - highest.floor_rss_bytes,
        energy=_energy(half.blocks, bench),
        ratio=ratio,
        noise=half.noise,
        shielded=all(start.is_shielded for start in starts),
        rules=setting.rules,
    )


def _energy(blocks: Sequence[Block], bench: Bench) -> Energy:
    spent = [block.energy_uj for block in blocks if block.energy_uj is not None]
    if len(spent) < len(blocks):
        reason = bench.meter.reason or "the counters could not be read all the time"
        return Energy(per_request_mj=None, source=bench.meter.source, reason=reason)
    per_request_mj = sum(spent) / 1000 / sum(block.requests for block in blocks)
    return Energy(per_request_mj=per_request_mj, source=bench.meter.source, reason=None)


def _is_leaking(pair: Pair, side: Side) -> bool:
    held = [block.held_bytes for block in pair.blocks if block.side == side]
    return shape.is_leaking([each for each in held if each is not None])


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
