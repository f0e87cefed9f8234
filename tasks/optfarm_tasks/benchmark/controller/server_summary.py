"""Turns the searches of the Server scenario into the two published measurements and their warnings."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from optfarm_tasks.benchmark.analysis import rates, raw, usage
from optfarm_tasks.benchmark.analysis.conclusion import HostNoise
from optfarm_tasks.benchmark.analysis.pairs import Side
from optfarm_tasks.benchmark.analysis.rules import PrecisionTarget
from optfarm_tasks.benchmark.analysis.searches import TrialQueries, rate_of
from optfarm_tasks.benchmark.analysis.usage import Stretch
from optfarm_tasks.benchmark.analysis.variant_stats import ServerSetting
from optfarm_tasks.benchmark.controller.columns import joined, query_columns, warm_columns
from optfarm_tasks.benchmark.controller.summary import Summary, setting_of, summary_of
from optfarm_tasks.benchmark.controller.turns import PairSetup, ProcessRecord
from optfarm_tasks.schema.spec import Effort


@dataclass(frozen=True)
class ServedTrial:
    """One trial, and what it used."""

    sent: TrialQueries
    used: Stretch


@dataclass(frozen=True)
class RateSearch(ProcessRecord):
    """One search for the highest rate, in one process."""

    side: Side
    served: tuple[ServedTrial, ...]

    @property
    def rate_per_s(self) -> float:
        """The highest rate that held; 0 when none did."""
        return rate_of([each.sent for each in self.served])

    @property
    def final(self) -> ServedTrial:
        """The trial that decides the rate."""
        return self.served[rates.deciding([each.sent.trial for each in self.served])]


@dataclass(frozen=True)
class ServerAttempt:
    """All searches of an attempt."""

    setup: PairSetup
    effort: Effort
    server: ServerSetting
    target: PrecisionTarget
    number: int
    taken: tuple[tuple[RateSearch, RateSearch], ...]
    """Baseline and candidate."""
    host_noise: HostNoise


def summarise_server(attempt: ServerAttempt) -> Summary:
    """Both measurements; the ratio of two rates is null where one of them is 0."""
    shared = setting_of(attempt.setup, attempt.effort, attempt.target, attempt=attempt.number)
    setting = replace(shared, server=attempt.server)
    return summary_of(_columns(attempt), attempt.setup, attempt.taken, setting, attempt.host_noise)


def warnings_of(attempt: ServerAttempt) -> Iterator[str]:
    """What a reader has to know about how it was measured."""
    amount = attempt.server.amount
    if len(attempt.taken) < amount.searches:
        yield f"only {len(attempt.taken)} of {amount.searches} searches fit into the time"
    for side, variant in enumerate(attempt.setup.variants):
        searches = [both[side] for both in attempt.taken]
        yield from (f"{variant.role}: {warning}" for warning in searches[0].start.warnings)
        fewest = min(each.final.sent.trial.queries for each in searches)
        if all(not search.rate_per_s for search in searches):
            alone_ms = searches[0].start.request_ns / 1e6
            yield (
                f"the {variant.role} holds a p99 of {attempt.server.latency_limit_ms:g} ms at no rate; "
                f"a query that never waits takes it {alone_ms:.3g} ms"
            )
        elif fewest < rates.QUERIES:
            yield (
                f"the rate of the {variant.role} rests on {fewest} queries, where LoadGen's early stopping wants "
                f"{rates.QUERIES}: it is slow, and a trial takes at most {amount.trial_s:g} s"
            )


def _columns(attempt: ServerAttempt) -> raw.Columns:
    found = [(number, search) for number, both in enumerate(attempt.taken) for search in both]
    served = [(number, search.side, *each) for number, search in found for each in enumerate(search.served)]
    parts = [
        query_columns(number, side, trial, rate_per_s=each.sent.trial.rate_per_s, table=each.sent.table)
        for number, side, trial, each in served
    ]
    used = [usage.columns_of(number, trial, side, each.used) for number, side, trial, each in served]
    warm = [warm_columns(number, search.side, search.start) for number, search in found]
    return {**joined(parts), **joined(warm), **joined(used), "bound_ms": np.array(attempt.server.latency_limit_ms)}
