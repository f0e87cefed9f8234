"""Samples made up by a seed, and the results that follow from them, in each scenario."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from optfarm_tasks.benchmark.analysis import ladder, rates, raw, searches
from optfarm_tasks.benchmark.analysis.conclusion import Observed, conclude
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.searches import TrialQueries
from optfarm_tasks.benchmark.analysis.usage import Stretch, columns_of
from optfarm_tasks.benchmark.analysis.variant_stats import ServerSetting, Setting
from optfarm_tasks.benchmark.controller.columns import joined, query_columns, rung_columns
from optfarm_tasks.benchmark.process.queries import arrivals_ns
from optfarm_tasks.schema.ladder import Axis, Ladder, Rung, Stop
from optfarm_tasks.schema.result import BenchmarkResult
from optfarm_tasks.schema.spec import Benchmark, Effort, Scenario
from optfarm_tasks.schema.tree import File, Tree

SETTING = Setting(Effort.QUICK, attempt=1, threads=1, batch_sizes=(2, 2), half_width=0.01)
MODEL = Tree(files=(File(path="model.tflite", sha256="1" * 64, size_bytes=4000),))
ARTIFACT = Tree(files=(File(path="model.xml", sha256="2" * 64, size_bytes=2000),))
SINGLE_STREAM = Benchmark(effort=Effort.QUICK, batch_size=SETTING.batch_sizes[CANDIDATE])
OFFLINE = Benchmark(effort=Effort.QUICK, threads="auto", batch_size="auto", scenario=Scenario.OFFLINE)
SERVER = Benchmark(effort=Effort.QUICK, scenario=Scenario.SERVER, latency_limit_ms=20)

Ladders = tuple[tuple[Ladder, ...], tuple[Ladder, ...]]


def columns(speed_up: float = 2.0, *, requests: int = 40, seed: int = 1, run_delay: float = 0.01) -> raw.Columns:
    """Samples of 3 pairs of 3 groups each: a baseline of about 2 ms, of which one request in fifty was disturbed."""
    rng = np.random.default_rng(seed)
    keys: list[tuple[int, int, Side]] = [
        (pair, group, side) for pair in range(3) for group in range(3) for side in (0, 1, 1, 0)
    ]
    pair, group, side = np.repeat(np.array(keys), requests, axis=0).T
    block = np.repeat(np.arange(len(keys)), requests)
    switches = (rng.random(pair.size) < 0.02).astype(np.int32)
    typical_ns = np.where(side == 0, 2e6, 2e6 / speed_up) * (1 + 0.001 * pair)
    wall_ns = (typical_ns * rng.lognormal(0, 0.005, pair.size) * (1 + switches)).astype(np.int64)
    return {
        "pair": pair.astype(np.int16),
        "block": block.astype(np.int32),
        "group": group.astype(np.int32),
        "side": side.astype(np.int8),
        "dropped": np.tile(np.arange(requests) < 3, len(keys)),
        "requests": np.ones(pair.size, np.int32),
        "wall_ns": wall_ns,
        "cpu_ns": (wall_ns * 0.99).astype(np.int64),
        "switches": switches,
        **warm_up(rng, pairs=3),
        **used([(place[0], index, place[2]) for index, place in enumerate(keys)], run_delay=run_delay),
    }


def used(places: Sequence[tuple[int, int, Side]], *, run_delay: float = 0.01) -> raw.Columns:
    """What blocks of 80 ms each used, given their pairs, numbers and sides."""
    stretch = Stretch(
        elapsed_ns=80_000_000,
        run_delay_ns=int(80_000_000 * run_delay),
        process_cpu_ns=78_000_000,
        energy_uj=900_000,
        held_bytes=48_000_000,
    )
    return joined([columns_of(pair, index, side, stretch) for pair, index, side in places])


def warm_up(rng: np.random.Generator, *, pairs: int) -> raw.Columns:
    """30 requests of each process."""
    warm = [(number, variant) for number in range(pairs) for variant in (0, 1) for _ in range(30)]
    warm_pair, warm_side = np.array(warm).T
    return {
        "warm_pair": warm_pair.astype(np.int16),
        "warm_side": warm_side.astype(np.int8),
        "warm_wall_ns": rng.integers(40_000_000, 41_000_000, warm_pair.size),
    }


def seen(**changes: Any) -> Observed:
    """What was seen beside the samples on a quiet machine."""
    usual = {
        "runtime": "litert",
        "precision": "float32",
        "load_ms": 3.0,
        "first_ms": 2.5,
        "peak_rss_bytes": 50_000_000,
        "floor_rss_bytes": 30_000_000,
        "meter": "rapl package-0",
        "no_meter": None,
        "ext_cpu": 0.02,
        "steal_frac": 0.0,
        "psi_cpu_frac": None,
        "is_shielded": True,
        "is_steady": True,
        "is_deterministic": True,
    }
    return Observed(**(usual | changes))


def benchmark(
    samples: raw.Columns, candidate: Tree, *, setting: Setting = SETTING, ladders: Ladders = ((), ()), **changes: Any
) -> BenchmarkResult:
    """The result that follows from samples, and from ladders of the baseline and of the candidate."""
    found = conclude(samples, (seen(), seen(**changes)), setting)
    return BenchmarkResult(
        baseline=found.baseline.model_copy(update={"ladders": ladders[BASELINE]}),
        candidate=found.candidate.model_copy(update={"ladders": ladders[CANDIDATE]}),
        pair_ratios=found.pair_ratios,
        fingerprint={
            "cpu": {"last_level_cache_bytes": 1 << 20},
            "digests": {"baseline": MODEL.digest, "candidate": candidate.digest},
        },
        input_source="random",
    )


def offline(speed_up: float, candidate: Tree, *, wide: bool = True) -> tuple[raw.Columns, BenchmarkResult]:
    """Samples and result of a sweep that left threads and batches to the farm; the baseline is best at 2.

    Args:
        speed_up: of a batch.
        candidate: what was measured.
        wide: whether the candidate is best at 4, its last rung, and not at 2 as the baseline is.
    """
    own = _ladder(Axis.BATCH_SIZE, [(1, 1, 8.0), (1, 2, 9.0), (1, 4, 10.0 if wide else 19.0)])
    climbed = [
        (BASELINE, *_ladder(Axis.BATCH_SIZE, [(1, 1, 8.0), (1, 2, 9.0), (1, 4, 19.0)])),
        (CANDIDATE, *own),
        (CANDIDATE, *_ladder(Axis.THREADS, [(1, 4 if wide else 2, 10.0), (2, 4 if wide else 2, 10.1)])),
    ]
    samples = {**columns(speed_up), **rung_columns(climbed)}
    setting = replace(SETTING, batch_sizes=(2, 4 if wide else 2), scenario=Scenario.OFFLINE)
    ladders = (climbed[0][1],), (climbed[1][1], climbed[2][1])
    return samples, benchmark(samples, candidate, setting=setting, ladders=ladders)


def server(speed_up: float, candidate: Tree, *, latency_limit_ms: float = 20) -> tuple[raw.Columns, BenchmarkResult]:
    """Samples and result of two searches: a query takes the baseline about 2 ms, answered one after the other."""
    server = ServerSetting(latency_limit_ms, rates.AMOUNTS[Effort.QUICK])
    found = [
        (search, side, trial, each)
        for search in range(2)
        for side, service_ns in ((BASELINE, 2e6), (CANDIDATE, 2e6 / speed_up))
        for trial, each in enumerate(_search(service_ns, server, seed=search))
    ]
    queries = [
        query_columns(search, side, trial, rate_per_s=each.trial.rate_per_s, table=each.table)
        for search, side, trial, each in found
    ]
    warm = warm_up(np.random.default_rng(0), pairs=2)
    trials = used([(search, trial, side) for search, side, trial, _ in found])
    samples = {**joined(queries), **warm, **trials, "bound_ms": np.array(float(latency_limit_ms))}
    setting = replace(SETTING, batch_sizes=(1, 1), scenario=Scenario.SERVER, server=server)
    return samples, benchmark(samples, candidate, setting=setting)


def _ladder(axis: Axis, settings: Sequence[tuple[int, int, float]]) -> tuple[Ladder, list[np.ndarray]]:
    """A ladder and the samples of its rungs, of so many threads, samples and ms."""
    rungs: list[Rung] = []
    for threads, batch_size, p50_ms in settings:
        rungs.append(ladder.rung(threads, batch_size, int(p50_ms * 1e6), before=rungs[-1] if rungs else None))
    return Ladder(axis=axis, rungs=tuple(rungs), stop=Stop.GAIN), [np.full(5, rung.p50_ns) for rung in rungs]


def _search(service_ns: float, server: ServerSetting, *, seed: int) -> Iterator[TrialQueries]:
    trials: list[tuple[float, bool]] = []
    while rate_per_s := rates.next_rate(trials, 1e9 / service_ns, resolution=server.amount.resolution):
        found = searches.sent(_answered(rate_per_s, service_ns, server, seed=seed), rate_per_s, server)
        yield found
        trials.append((rate_per_s, found.trial.holds))
        if rates.is_hopeless(found.trial):
            return


def _answered(rate_per_s: float, service_ns: float, server: ServerSetting, *, seed: int) -> np.ndarray:
    """The queries of a trial as a server answers them that takes one after the other."""
    queries, allowed_late = searches.allowed(rate_per_s, server)
    service = (service_ns * np.random.default_rng(seed).lognormal(0, 0.005, queries)).astype(np.int64)
    rows: list[tuple[int, ...]] = []
    late = free_ns = 0
    for arrival_ns, took_ns in zip(arrivals_ns(queries, rate_per_s, seed=seed).tolist(), service.tolist(), strict=True):
        start_ns = max(arrival_ns, free_ns)
        free_ns = start_ns + took_ns
        rows.append((arrival_ns, start_ns, free_ns, took_ns, 0))
        late += free_ns - arrival_ns > searches.latency_limit_ns(server)
        if late > allowed_late:
            break
    return np.array(rows, dtype=np.int64).T
