"""Computes the 95% confidence interval of a loss of quality over samples that both variants were scored on.

A loss is relative to the baseline: 0.01 is 1% worse, below 0 is better. Samples are drawn as pairs, for what is hard
for one variant is mostly hard for the other, and the difference is known far better than either value.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.schema.measurement import Interval

RESAMPLES = 2000
FEWEST = 2
FEWEST_RESAMPLED = 5
"""Samples whose resamples are numerous enough (126) to have tails of 2.5%."""
_Z975 = 1.959963984540054
_TAILS = (0.025, 0.975)
_NO_SPREAD = 1e-6
"""A resample of equal samples has no spread to be measured by."""
_CELLS = 1 << 22
"""Weights that are in memory at a time."""

Numbers = NDArray[Any]


@dataclass(frozen=True)
class ConfidenceInterval:
    """The 95% interval of a loss, or why there is none."""

    ci95: Interval | None
    reason: str | None = None


def of_means(baseline: Numbers, candidate: Numbers, *, seed: int) -> ConfidenceInterval:
    """The interval of mean(candidate) / mean(baseline) - 1 for errors of each sample (N,), by a paired bootstrap.

    A studentised bootstrap (Efron and Tibshirani 1993, chapter 12): plain percentiles are too narrow for some hundred
    samples. None for fewer than five samples, or where the baseline has no error.
    """
    if reason := _missing(baseline, fewest=FEWEST_RESAMPLED):
        return ConfidenceInterval(None, reason)
    errors = np.stack([baseline, candidate], axis=1).astype(np.float64)
    products = np.column_stack([errors, errors[:, 0] ** 2, errors[:, 0] * errors[:, 1], errors[:, 1] ** 2])
    ratio, spread = (float(each[0]) for each in _ratio(products.sum(axis=0)[None]))
    sums = np.concatenate(list(_resampled(products, np.random.default_rng(seed))))
    ratios, spreads = _ratio(sums[sums[:, 0] > 0])
    known = spreads > spread * _NO_SPREAD
    if not known.any():
        return ConfidenceInterval((ratio - 1, ratio - 1))
    low, high = np.quantile((ratios[known] - ratio) / spreads[known], _TAILS)
    return ConfidenceInterval((float(ratio - high * spread - 1), float(ratio - low * spread - 1)))


def of_hits(baseline: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> ConfidenceInterval:
    """The interval of the relative fall of a share of hits, from hits of each sample (N,).

    Newcombe's square-and-add interval of a difference between paired shares (Statistics in Medicine 17, 1998, method
    10), over the baseline's share. Unlike a bootstrap it does not shrink to nothing when no sample differs. None for
    fewer than two samples, or where the baseline never hits.
    """
    if reason := _missing(baseline, fewest=FEWEST):
        return ConfidenceInterval(None, reason)
    count, hits = len(baseline), int(baseline.sum())
    low, high = _newcombe(
        both=int((baseline & candidate).sum()),
        lost=int((baseline & ~candidate).sum()),
        won=int((~baseline & candidate).sum()),
        neither=int((~baseline & ~candidate).sum()),
    )
    return ConfidenceInterval((low * count / hits, high * count / hits))


def of_shares(baseline: Numbers, candidate: Numbers) -> ConfidenceInterval:
    """The interval of the relative fall of a mean share of hits, from the share of each sample (N,)."""
    shares = np.stack([baseline, candidate])
    if np.isin(shares, (0, 1)).all():
        return of_hits(baseline == 1, candidate == 1)
    return _fall(of_means(baseline, candidate, seed=0))


def of_parts(whole: Numbers, part: Numbers) -> ConfidenceInterval:
    """The interval of how much of a whole is missing, from the amounts of each sample (N,).

    Where nothing is missing of any sample, each is a hit, so that the interval keeps a width.
    """
    is_all = np.ones(len(whole), np.bool_)
    return of_hits(is_all, is_all) if np.array_equal(whole, part) else _fall(of_means(whole, part, seed=0))


def _fall(rise: ConfidenceInterval) -> ConfidenceInterval:
    return rise if rise.ci95 is None else ConfidenceInterval((-rise.ci95[1], -rise.ci95[0]))


def _missing(baseline: Numbers, *, fewest: int) -> str | None:
    """Why there can be no interval."""
    if len(baseline) < fewest:
        return (
            f"{len(baseline)} test sample{' is' if len(baseline) == 1 else 's are'} too few: an interval takes {fewest}"
        )
    return None if baseline.sum() > 0 else "the baseline's value is 0, and a loss is relative to it"


def _resampled(products: NDArray[np.float64], random: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Sums of the columns over resamples of the rows, (B, 5) at a time."""
    count = len(products)
    step = max(1, _CELLS // count)
    for start in range(0, RESAMPLES, step):
        weights = random.multinomial(count, np.full(count, 1 / count), size=min(step, RESAMPLES - start))
        yield weights @ products


def _ratio(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ratio of means and its standard error by the delta method, from sums (B, 5) of b, c, b², bc, c²."""
    baseline, candidate, squares, cross, candidate_squares = sums.T
    ratio = candidate / baseline
    residual = np.maximum(candidate_squares - 2 * ratio * cross + ratio**2 * squares, 0.0)
    return ratio, np.sqrt(residual) / baseline


def _newcombe(*, both: int, lost: int, won: int, neither: int) -> Interval:
    """The interval of p(baseline) - p(candidate) for the four counts of a paired table."""
    count = both + lost + won + neither
    first, second = (both + lost) / count, (both + won) / count
    lower_1, upper_1 = _wilson(first, count)
    lower_2, upper_2 = _wilson(second, count)
    phi = _phi(both, lost, won, neither)
    down = _root((first - lower_1) ** 2 - 2 * phi * (first - lower_1) * (upper_2 - second) + (upper_2 - second) ** 2)
    up = _root((upper_1 - first) ** 2 - 2 * phi * (upper_1 - first) * (second - lower_2) + (second - lower_2) ** 2)
    return max(-1.0, first - second - down), min(1.0, first - second + up)


def _phi(both: int, lost: int, won: int, neither: int) -> float:
    """The correlation of both variants' hits, with Newcombe's correction for continuity."""
    product = (both + lost) * (won + neither) * (both + won) * (lost + neither)
    if not product:
        return 0.0
    cross = both * neither - lost * won
    corrected = max(0.0, cross - (both + lost + won + neither) / 2) if cross > 0 else float(cross)
    return corrected / math.sqrt(product)


def _wilson(share: float, count: int) -> Interval:
    """Wilson's interval of one share (1927)."""
    z2 = _Z975**2
    middle = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = _Z975 / (1 + z2 / count) * _root(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def _root(value: float) -> float:
    return math.sqrt(max(0.0, value))
