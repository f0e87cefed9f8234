"""How sure a loss of quality is: 95% intervals over samples on which both variants were scored.

A loss is relative to the baseline: 0.01 is 1% worse, below 0 is better. Samples are drawn as pairs, for what is hard
for one variant is mostly hard for the other, and the difference is known far better than either value.
"""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.measurement import Interval

RESAMPLES = 2000
FEWEST = 2
_Z975 = 1.959963984540054
_TAILS = (0.025, 0.975)
_NO_SPREAD = 1e-6
"""A resample of equal samples has no spread to be measured by."""
_CELLS = 1 << 22
"""Weights that are in memory at a time."""

Numbers = NDArray[Any]


def of_means(baseline: Numbers, candidate: Numbers, *, seed: int) -> Interval | None:
    """The interval of mean(candidate) / mean(baseline) - 1 for errors of each sample (N,), by a paired bootstrap.

    A studentised bootstrap (Efron and Tibshirani 1993, chapter 12): plain percentiles are too narrow for some hundred
    samples. None for fewer than two samples, or where the baseline has no error.
    """
    errors = np.stack([baseline, candidate], axis=1).astype(np.float64)
    if len(errors) < FEWEST or not errors[:, 0].sum() > 0:
        return None
    products = np.column_stack([errors, errors[:, 0] ** 2, errors[:, 0] * errors[:, 1], errors[:, 1] ** 2])
    ratio, spread = (float(each[0]) for each in _ratio(products.sum(axis=0)[None]))
    sums = np.concatenate(list(_resampled(products, np.random.default_rng(seed))))
    ratios, spreads = _ratio(sums[sums[:, 0] > 0])
    known = spreads > spread * _NO_SPREAD
    if not known.any():
        return ratio - 1, ratio - 1
    low, high = np.quantile((ratios[known] - ratio) / spreads[known], _TAILS)
    return float(ratio - high * spread - 1), float(ratio - low * spread - 1)


def of_hits(baseline: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> Interval | None:
    """The interval of the relative fall of a share of hits, from hits of each sample (N,).

    Newcombe's square-and-add interval of a difference between paired shares (Statistics in Medicine 17, 1998, method
    10), over the baseline's share. Unlike a bootstrap it does not shrink to nothing when no sample differs. None for
    fewer than two samples, or where the baseline never hits.
    """
    count, hits = len(baseline), int(baseline.sum())
    if count < FEWEST or not hits:
        return None
    low, high = _newcombe(
        both=int((baseline & candidate).sum()),
        lost=int((baseline & ~candidate).sum()),
        won=int((~baseline & candidate).sum()),
        neither=int((~baseline & ~candidate).sum()),
    )
    return low * count / hits, high * count / hits


def of_shares(baseline: Numbers, candidate: Numbers) -> Interval | None:
    """The interval of the relative fall of a mean share of hits, from the share of each sample (N,)."""
    shares = np.stack([baseline, candidate])
    if np.isin(shares, (0, 1)).all():
        return of_hits(baseline == 1, candidate == 1)
    interval = of_means(baseline, candidate, seed=0)
    return None if interval is None else (-interval[1], -interval[0])


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
    return first - second - down, first - second + up


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
