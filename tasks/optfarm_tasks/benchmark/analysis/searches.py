"""Evaluates the queries of the Server scenario: which trials keep the latency limit, and each search's highest rate."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import rates, raw, stats
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Side
from optfarm_tasks.benchmark.analysis.stats import Estimator, Samples
from optfarm_tasks.benchmark.analysis.usage import usage
from optfarm_tasks.benchmark.analysis.variant_stats import PairedStats, ServerSetting, Setting, VariantStats
from optfarm_tasks.errors import Internal
from optfarm_tasks.schema.measurement import ServerRates, Trial

_KEYS = ("pair", "trial", "rate_per_s")
_TABLE = ("arrival_ns", "start_ns", "end_ns", "cpu_ns", "switches")


@dataclass(frozen=True)
class TrialQueries:
    """One trial and its queries."""

    trial: Trial
    table: NDArray[np.int64]
    """Arrival, start, end in ns from the trial's start, CPU time, switches (5, N)."""

    @property
    def latency_ns(self) -> NDArray[np.int64]:
        """From the arrival of each query to its answer (N,)."""
        latency_ns: NDArray[np.int64] = self.table[2] - self.table[0]
        return latency_ns


def sent(table: NDArray[np.int64], rate_per_s: float, server: ServerSetting) -> TrialQueries:
    """The trial that the queries (5, N) of a rate make."""
    allowed_late = allowed(rate_per_s, server)[1]
    latency_ns = table[2] - table[0]
    late = int((latency_ns > latency_limit_ns(server)).sum())
    trial = Trial(
        rate_per_s=rate_per_s,
        queries=latency_ns.size,
        late=late,
        allowed_late=allowed_late,
        p99_ns=stats.nearest_rank(latency_ns, rates.PERCENTILE),
        holds=late <= allowed_late,
    )
    return TrialQueries(trial, table)


def allowed(rate_per_s: float, server: ServerSetting) -> tuple[int, int]:
    """How many queries a trial of that rate sends, and how many of them may be late."""
    queries = rates.queries_of(rate_per_s, server.latency_limit_ms / 1e3, server.amount)
    return queries, rates.allowed_late(queries)


def latency_limit_ns(server: ServerSetting) -> int:
    """An answer that comes later than this after its query's arrival is late."""
    return int(server.latency_limit_ms * 1e6)


def searches(columns: raw.Columns, side: Side, server: ServerSetting) -> tuple[tuple[TrialQueries, ...], ...]:
    """The trials of each search of a variant, in their order."""
    own = {name: column[columns["side"] == side] for name, column in columns.items() if name in {*_TABLE, *_KEYS}}
    return tuple(tuple(_trials(own, pair, server)) for pair in np.unique(own["pair"]))


def _trials(own: raw.Columns, pair: int, server: ServerSetting) -> Iterator[TrialQueries]:
    in_search = own["pair"] == pair
    for trial in np.unique(own["trial"][in_search]):
        mask = in_search & (own["trial"] == trial)
        table = np.stack([own[name][mask].astype(np.int64) for name in _TABLE])
        yield sent(table, float(own["rate_per_s"][mask][0]), server)


def deciding(trials: Sequence[TrialQueries]) -> TrialQueries:
    """The trial that a search rests on."""
    return trials[rates.deciding([each.trial for each in trials])]


def rate_of(trials: Sequence[TrialQueries]) -> float:
    """The highest rate that held; 0 when none did."""
    return rates.highest(rates.outcomes([each.trial for each in trials])) or 0.0


def of_searches(columns: raw.Columns, setting: Setting) -> PairedStats:
    """The statistics of both variants from their queries; there is no ratio where one of the rates is 0."""
    server = setting.server
    if server is None:
        raise Internal("queries were sent without a latency limit")
    found = [searches(columns, side, server) for side in (BASELINE, CANDIDATE)]
    rated = [(rate_of(baseline), rate_of(candidate)) for baseline, candidate in zip(*found, strict=True)]
    ratios = tuple(candidate / baseline for baseline, candidate in rated) if all(map(all, rated)) else ()
    baseline, candidate = (
        _variant_stats(columns, found[side], setting, server, side=side) for side in (BASELINE, CANDIDATE)
    )
    half_width = max(setting.half_width, server.amount.resolution)
    return PairedStats((baseline, candidate), Estimator.RATE, ratios, count=len(rated), half_width=half_width)


def _variant_stats(
    columns: raw.Columns,
    found: Sequence[Sequence[TrialQueries]],
    setting: Setting,
    server: ServerSetting,
    *,
    side: Side,
) -> VariantStats:
    final = [rates.deciding([each.trial for each in trials]) for trials in found]
    finals = [trials[index] for index, trials in zip(final, found, strict=True)]
    rates_found = _server_rates(found, [each.trial for each in finals], server)
    return VariantStats(
        samples=_answers([each.table for each in finals], side),
        latency_ns=np.concatenate([each.latency_ns for each in finals]),
        trends=(0.0,),
        clean_p50_ns=None,
        p50_ci95_ns=None,
        throughput_per_s=rates_found.rate_per_s * setting.batch_sizes[side],
        usage=usage(
            columns,
            side,
            requests=sum(each.trial.queries for each in finals),
            deciding=dict(zip(np.unique(columns["pair"]).tolist(), final, strict=True)),
        ),
        server_rates=rates_found,
    )


def _answers(tables: Sequence[NDArray[np.int64]], side: Side) -> Samples:
    """The answers of the deciding trials, without the waiting before them."""
    _, start, end, cpu, switches = np.concatenate(tables, axis=1)
    pair = np.repeat(np.arange(len(tables)), [table.shape[1] for table in tables])
    sides = np.full(pair.size, side, np.int64)
    return Samples(pair, np.zeros_like(pair), sides, wall_ns=end - start, cpu_ns=cpu, switches=switches)


def _server_rates(
    found: Sequence[Sequence[TrialQueries]], finals: Sequence[Trial], server: ServerSetting
) -> ServerRates:
    held = tuple(rate_of(trials) for trials in found)
    fewest = min(trial.queries for trial in finals)
    return ServerRates(
        latency_limit_ms=server.latency_limit_ms,
        rate_per_s=float(np.median(held)),
        rates_per_s=held,
        resolution=server.amount.resolution,
        fewest_queries=fewest,
        is_early_stopping_met=fewest >= rates.FEWEST and all(trial.holds for trial in finals),
        trials=tuple(each.trial for each in found[0]),
    )
