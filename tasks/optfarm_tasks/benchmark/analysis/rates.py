"""Decides at which rates the Server scenario sends queries, how many, and whether a rate keeps the latency limit."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optfarm_tasks.schema.measurement import Trial
from optfarm_tasks.schema.spec import Effort

PERCENTILE = 0.99
CONFIDENCE = 0.99
FEWEST = 459
"""With fewer queries, even if none is late, LoadGen's early stopping proves nothing about the 99th percentile."""
QUERIES = 662
"""The fewest queries of a trial where time allows: with so many, one may be late, and p99 may be published."""

_START = 0.5
_LOWEST = 1 / 64
"""Shares of the capacity: where the search begins, and below which it is given up."""


@dataclass(frozen=True)
class SearchAmount:
    """How much is searched at an effort (quick or full)."""

    searches: int
    resolution: float
    """The search ends when the lowest rate that fails is no more than this above the highest that holds."""
    limits: float
    """A trial lasts this many times the latency limit, so that a growing queue shows."""
    trial_s: float
    """But no longer than this."""


AMOUNTS = {
    Effort.QUICK: SearchAmount(searches=1, resolution=0.05, limits=50, trial_s=10),
    Effort.FULL: SearchAmount(searches=3, resolution=0.02, limits=200, trial_s=60),
}


def allowed_late(queries: int) -> int:
    """How many of so many queries may be late for a rate to hold.

    From FEWEST queries on this is LoadGen's early stopping: the largest number t for which a server that is late for
    1% of its queries would be late for t or fewer with a probability of at most 1% (MLPerf Inference rules, appendix
    "Early stopping"). Of fewer queries it is what the nearest-rank p99 allows, which shows much less.
    """
    if queries < FEWEST:
        return queries - math.ceil(PERCENTILE * queries)
    late = -1
    for cumulated in _binomial(queries):
        if cumulated > 1 - CONFIDENCE:
            break
        late += 1
    return late


def queries_of(rate_per_s: float, latency_limit_s: float, amount: SearchAmount) -> int:
    """How many queries a trial sends: QUERIES, or what arrives in `amount.limits` latency limits, as time allows."""
    wanted = max(QUERIES, math.ceil(rate_per_s * amount.limits * latency_limit_s))
    return max(1, min(wanted, math.ceil(rate_per_s * amount.trial_s)))


def next_rate(trials: Sequence[tuple[float, bool]], capacity_per_s: float, *, resolution: float) -> float | None:
    """The next rate to try, or None when the search has ended; see `highest`.

    It begins at half the capacity, goes to the capacity itself when that holds, halves while nothing holds, and then
    halves the logarithm of what lies between. No rate above the capacity is tried: a queue that grows without end
    keeps any latency limit for a while. A rate that fails is sent once more: other work on the machine can only make
    answers later, and a server that fails undisturbed fails again on the same arrivals.

    Args:
        trials: the rates that were tried, and whether they held.
        capacity_per_s: queries that can be answered one after the other.
        resolution: how far apart the last two rates may be, as a fraction.
    """
    if not trials:
        return _START * capacity_per_s
    last, holds = trials[-1]
    if not holds and [rate for rate, _ in trials].count(last) == 1:
        return last
    held = highest(trials)
    if held is None:
        lower = min(rate for rate, _ in trials) / 2
        return lower if lower >= _LOWEST * capacity_per_s else None
    failed = min((rate for rate, holds in trials if not holds and rate > held), default=None)
    if failed is None:
        return capacity_per_s if held < capacity_per_s else None
    return math.sqrt(held * failed) if failed > held * (1 + resolution) else None


def highest(trials: Sequence[tuple[float, bool]]) -> float | None:
    """The highest rate that held; None when none did."""
    return max((rate for rate, holds in trials if holds), default=None)


def deciding(trials: Sequence[Trial]) -> int:
    """Which trial a search rests on: that of the highest rate that held; of the lowest rate when none held."""
    ranked = sorted(range(len(trials)), key=lambda at: trials[at].rate_per_s)
    held = [at for at in ranked if trials[at].holds]
    return held[-1] if held else ranked[0]


def is_hopeless(trial: Trial) -> bool:
    """Whether no rate can hold: every query was late, and the first of them did not even wait."""
    return trial.late == trial.queries


def outcomes(trials: Sequence[Trial]) -> list[tuple[float, bool]]:
    """The rate of each trial and whether it held."""
    return [(trial.rate_per_s, trial.holds) for trial in trials]


def _binomial(count: int) -> Iterator[float]:
    """P(X ≤ 0), P(X ≤ 1), … of a binomial variable of that many draws, each of probability 1%."""
    cumulated = 0.0
    for hits in range(count + 1):
        ways = math.lgamma(count + 1) - math.lgamma(hits + 1) - math.lgamma(count - hits + 1)
        cumulated += math.exp(ways + hits * math.log1p(-PERCENTILE) + (count - hits) * math.log(PERCENTILE))
        yield cumulated
