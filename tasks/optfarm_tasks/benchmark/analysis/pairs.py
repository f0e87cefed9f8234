"""Decides how much is measured and in which order: pairs, A B B A groups, block sizes, when to stop."""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from optfarm_tasks.benchmark.analysis import stats
from optfarm_tasks.schema.spec import Effort

Side = Literal[0, 1]
BASELINE: Side = 0
CANDIDATE: Side = 1

BLOCK_NS = 100_000_000
BLOCK_REQUESTS = 10
DROPPED = 3
"""So many first requests of a block do not count: they find the other variant's data in the caches."""
MEMORY_BOUND_SETTLE_NS = 40_000_000
"""Weights larger than the cache are read several times before the part of them that it holds stays the same."""

HALF_WIDTH = 0.01
MEMORY_BOUND_HALF_WIDTH = 0.02


@dataclass(frozen=True)
class Amount:
    """How much is measured at an effort (quick or full)."""

    min_pairs: int
    max_pairs: int
    pair_s: float
    """Timed seconds of a pair, both variants together."""
    group_s: float
    """The blocks of slow models shrink until one A B B A takes no longer."""
    budget_s: float
    """No pair or attempt starts that would, as the ones before it took, end after this."""
    backoff_s: tuple[float, ...]
    """Waits before an invalid measurement is taken again."""
    warm_s: float = 30
    """A process that is not steady by then is timed as it is."""


AMOUNTS = {
    Effort.QUICK: Amount(min_pairs=3, max_pairs=3, pair_s=1.6, group_s=20, budget_s=300, backoff_s=(1,)),
    Effort.FULL: Amount(
        min_pairs=5, max_pairs=stats.MAX_PAIRS, pair_s=6, group_s=120, budget_s=2400, backoff_s=(10, 30, 60)
    ),
}


@dataclass(frozen=True)
class BlockPlan:
    """How long a block goes on, and how many of its first requests are left out."""

    min_ns: int
    kept: int
    """At least so many requests count."""
    dropped: tuple[int, int]
    """Of the baseline's and of the candidate's blocks; their time comes on top of min_ns."""

    @property
    def is_cut(self) -> bool:
        """Whether the block is smaller than the method asks for."""
        return self.kept < BLOCK_REQUESTS


def spawn_orders(rng: random.Random) -> Iterator[tuple[Side, Side]]:
    """Which variant starts first, pair after pair: by chance, then the other way round.

    The second process to start is given memory in another state, so neither variant may be second more often.
    """
    while True:
        first, second = _order(rng)
        yield first, second
        yield second, first


def group_order(rng: random.Random) -> tuple[Side, Side, Side, Side]:
    """A B B A or B A A B: mirrored, so that a steady drift cancels out."""
    first, second = _order(rng)
    return first, second, second, first


def _order(rng: random.Random) -> tuple[Side, Side]:
    return (BASELINE, CANDIDATE) if rng.random() < 0.5 else (CANDIDATE, BASELINE)  # noqa: PLR2004 (a fair coin)


def block_plan(request_ns: tuple[float, float], amount: Amount, *, settle_ns: int = 0) -> BlockPlan:
    """Blocks of max(100 ms, 10 requests) after the dropped ones, or fewer where a group would pass its cap.

    Args:
        request_ns: what one request of the baseline and of the candidate takes.
        amount: how much is measured.
        settle_ns: how long a variant takes at most, after the other's turn, to run as it does by itself.
    """
    affordable = int(amount.group_s * 1e9 / (2 * sum(request_ns)))
    if affordable >= BLOCK_REQUESTS + DROPPED:
        first, second = (max(DROPPED, math.ceil(settle_ns / each)) for each in request_ns)
        return BlockPlan(BLOCK_NS, BLOCK_REQUESTS, (first, second))
    requests = max(2, affordable)
    dropped = max(1, requests // 4)
    return BlockPlan(BLOCK_NS, requests - dropped, (dropped, dropped))


def wants_another_pair(logs: Sequence[float], amount: Amount, *, half_width: float) -> bool:
    """Whether to take one more pair, given the log ratios of those taken."""
    if len(logs) < amount.min_pairs:
        return True
    interval = stats.t_interval(logs)
    is_wide = interval is None or interval.half_width > half_width
    return is_wide and len(logs) < amount.max_pairs


def fits(elapsed_s: float, next_s: float, *, budget_s: float) -> bool:
    """Whether work of next_s more seconds ends within the budget."""
    return elapsed_s + next_s <= budget_s


def fraction_done(pair: int, within: float, amount: Amount) -> float:
    """How far the measurement is, in 0..1; never falls while pairs go on.

    Args:
        pair: the pair under way, from 1.
        within: how far that pair is.
        amount: the pairs that must be taken fill the first nine tenths where more may follow.
    """
    must = 0.9 if amount.max_pairs > amount.min_pairs else 1.0
    done = pair - 1 + within
    if done <= amount.min_pairs:
        return must * done / amount.min_pairs
    return must + (1 - must) * (done - amount.min_pairs) / (amount.max_pairs - amount.min_pairs)
