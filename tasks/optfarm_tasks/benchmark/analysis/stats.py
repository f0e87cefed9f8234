"""Computes medians, percentiles, ratios and their intervals from arrays of nanoseconds."""

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLEAN_FLOOR = 200
CLEAN_FRACTION = 0.5
CPU_CLOCK_NS = 10_000_000
"""Only single-threaded work longer than this falls back on the thread's CPU clock."""

_TAIL_CHANCE = 0.01
"""The probability that fewer than two values lie beyond a percentile that is published."""

_OWN_WORK = 0.8
"""Share of the undisturbed wall time that the calling thread must itself have worked, lest its CPU clock mislead."""

MAX_PAIRS = 20
"""More are never taken."""

# Student's t at 0.975 for 1 to MAX_PAIRS - 1 degrees of freedom.
_T975 = (
    *(12.706204736, 4.302652730, 3.182446305, 2.776445105, 2.570581836, 2.446911851, 2.364624252, 2.306004135),
    *(2.262157163, 2.228138852, 2.200985160, 2.178812830, 2.160368656, 2.144786688, 2.131449546, 2.119905299),
    *(2.109815578, 2.100922040, 2.093024054),
)

Integers = NDArray[np.int64]


class Estimator(StrEnum):
    """What the latency of a variant is computed from."""

    CLEAN_P50 = "clean_p50"
    """Wall time of the requests into which no involuntary switch fell."""
    CPU_P50 = "cpu_p50"
    """The thread's CPU time."""
    P50 = "p50"
    """Wall time of all requests."""
    RATE = "rate"
    """Samples over time: a mean, where the others are medians."""


@dataclass(frozen=True)
class Samples:
    """Kept requests as columns of equal length (N,)."""

    pair: Integers
    group: Integers
    """Counts the A B B A groups within a pair."""
    side: Integers
    """0 the baseline, 1 the candidate."""
    wall_ns: Integers
    cpu_ns: Integers
    switches: Integers
    """Involuntary context switches of the thread."""

    @property
    def is_clean(self) -> NDArray[np.bool_]:
        """Where no involuntary switch fell into the request."""
        clean: NDArray[np.bool_] = self.switches == 0
        return clean

    def where(self, mask: NDArray[np.bool_]) -> "Samples":
        """The requests that a mask (N,) picks."""
        columns: dict[str, Any] = {name: column[mask] for name, column in vars(self).items()}
        return Samples(**columns)


@dataclass(frozen=True)
class Interval:
    """The mean of a few values and the half-width of its 95% t-interval."""

    mean: float
    half_width: float

    @property
    def exponential(self) -> tuple[float, float]:
        """The ends of an interval of logarithms, as ratios."""
        return math.exp(self.mean - self.half_width), math.exp(self.mean + self.half_width)


def nearest_rank(values: NDArray[Any], fraction: float) -> int:
    """The smallest value that at least that fraction of all values, of which there is one, do not exceed."""
    rank = max(1, math.ceil(fraction * values.size))
    return int(np.partition(values, rank - 1)[rank - 1])


def tail(values: NDArray[Any], fraction: float) -> int | None:
    """A nearest-rank percentile, or None where so few values say nothing of that tail."""
    return nearest_rank(values, fraction) if values.size >= tail_floor(fraction) else None


@functools.cache
def tail_floor(fraction: float) -> int:
    """How many values a percentile takes: 64 for p90, 662 for p99.

    The least number of which two or more lie beyond the percentile with a probability of 99%: early stopping of
    MLPerf LoadGen (github.com/mlcommons/inference, loadgen/early_stopping.cc).
    """
    return next(n for n in itertools.count(2) if fraction**n + n * (1 - fraction) * fraction ** (n - 1) < _TAIL_CHANCE)


def t_interval(values: Sequence[float]) -> Interval | None:
    """The 95% t-interval of 2 to 20 values; None for fewer."""
    if len(values) < 2:  # noqa: PLR2004 (one value has no spread)
        return None
    spread = float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Interval(mean=float(np.mean(values)), half_width=_T975[len(values) - 2] * spread)


def has_few_clean(samples: Samples) -> bool:
    """Whether under half, or under 200, of one side's requests are clean."""
    clean = int(samples.is_clean.sum())
    return clean < CLEAN_FLOOR or clean < CLEAN_FRACTION * samples.wall_ns.size


def choose_estimator(samples: Samples, *, threads: int) -> Estimator:
    """What the ratio rests on: the same for both sides, or they could not be compared."""
    if threads > 1:
        return Estimator.P50
    sides = _sides(samples)
    if any(has_few_clean(side) for side in sides) and all(_has_cpu_clock(side) for side in sides):
        return Estimator.CPU_P50
    return Estimator.CLEAN_P50 if _is_clean_everywhere(samples) else Estimator.P50


def pair_ratios(samples: Samples, estimator: Estimator, *, batch_sizes: tuple[int, int] = (1, 1)) -> tuple[float, ...]:
    """Baseline over candidate, one a pair: the median over its groups of the ratio of medians, per sample.

    Args:
        samples: the kept requests.
        estimator: what a median is taken of.
        batch_sizes: of the baseline and of the candidate, where they differ.
    """
    per_sample = batch_sizes[1] / batch_sizes[0]
    return tuple(
        float(np.median([_group_ratio(group, estimator) for group in _split(pair, pair.group)])) * per_sample
        for pair in _split(samples, samples.pair)
    )


def ratio(ratios: Sequence[float]) -> float:
    """The published ratio: the median over pairs."""
    return float(np.median(ratios))


def process_interval(samples: Samples, estimator: Estimator) -> tuple[float, float] | None:
    """The 95% interval in ns of one side's typical latency, across its processes; None for a single one."""
    medians = [median(each, estimator) for each in _split(samples, samples.pair)]
    interval = t_interval([math.log(value) for value in medians])
    return None if interval is None else interval.exponential


def median(samples: Samples, estimator: Estimator) -> float:
    """The median in ns that an estimator names; of a rate the mean."""
    average = np.mean if estimator is Estimator.RATE else np.median
    return float(average(_measured(samples, estimator)))


def trends(samples: Samples) -> tuple[float, ...]:
    """How far one side's last third of groups is above its first third, as a fraction; one a pair."""
    return tuple(_trend(pair) for pair in _split(samples, samples.pair))


def _trend(pair: Samples) -> float:
    groups = np.array([np.median(group.wall_ns) for group in _split(pair, pair.group)])
    third = groups.size // 3
    return float(np.median(groups[-third:]) / np.median(groups[:third]) - 1) if third else 0.0


def _measured(samples: Samples, estimator: Estimator) -> Integers:
    if estimator is Estimator.CPU_P50:
        return samples.cpu_ns
    return samples.wall_ns[samples.is_clean] if estimator is Estimator.CLEAN_P50 else samples.wall_ns


def _group_ratio(group: Samples, estimator: Estimator) -> float:
    baseline, candidate = (median(side, estimator) for side in _sides(group))
    return baseline / candidate


def _has_cpu_clock(side: Samples) -> bool:
    cpu_ns = float(np.median(side.cpu_ns))
    return cpu_ns > CPU_CLOCK_NS and cpu_ns >= _OWN_WORK * nearest_rank(side.wall_ns, 0.05)


def _is_clean_everywhere(samples: Samples) -> bool:
    groups = (group for pair in _split(samples, samples.pair) for group in _split(pair, pair.group))
    return all(side.is_clean.any() for group in groups for side in _sides(group))


def _sides(samples: Samples) -> list[Samples]:
    return [samples.where(samples.side == side) for side in (0, 1)]


def _split(samples: Samples, by: Integers) -> list[Samples]:
    return [samples.where(by == value) for value in np.unique(by)]
