"""Says of a device's canary whether it lies in the band of the device's own good ones, and so whether to trust it.

An individuals chart with moving ranges (Shewhart; NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2), drawn over
the logarithms of durations, because disturbances multiply.
"""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

_D2 = 1.128
"""Expected range of two draws from a normal distribution, in standard deviations."""
_SIGMAS = 3.0


@dataclass(frozen=True)
class ChartRules:
    """The numbers that the chart rests on."""

    min_good: int = 8
    """With fewer good canaries nothing is judged."""
    window: int = 60
    """The latest good canaries count, so that the band follows a device that ages."""
    least_half_width: float = 0.05
    """A very still history does not make the band narrower than this share of its centre."""
    good_to_release: int = 3


CHART_RULES = ChartRules()


@dataclass(frozen=True)
class Canary:
    """One run of the canary."""

    at: float
    """Seconds since the epoch."""
    duration_s: float
    """Above 0."""


@dataclass(frozen=True)
class Band:
    """What a device's canary usually takes, in seconds."""

    low_s: float
    centre_s: float
    high_s: float

    def holds(self, duration_s: float) -> bool:
        """Whether a duration is a usual one."""
        return self.low_s <= duration_s <= self.high_s


@dataclass(frozen=True)
class Quarantine:
    """Why a device may not read clocks, and since when."""

    since: float
    """Seconds since the epoch."""
    reason: str
    good_in_a_row: int = 0


@dataclass(frozen=True)
class Standing:
    """A device after all of its canaries."""

    good: tuple[Canary, ...] = ()
    """Oldest first; those that the next band rests on."""
    quarantine: Quarantine | None = None


def band_of(good: Sequence[Canary], *, rules: ChartRules = CHART_RULES) -> Band | None:
    """The band of good canaries, in the order in which they ran; None while they are too few to judge by."""
    if len(good) < rules.min_good:
        return None
    logs = [math.log(each.duration_s) for each in good]
    centre = statistics.fmean(logs)
    sigma = statistics.fmean(abs(after - before) for before, after in pairwise(logs)) / _D2
    half = max(_SIGMAS * sigma, math.log1p(rules.least_half_width))
    return Band(math.exp(centre - half), math.exp(centre), math.exp(centre + half))


def standing(
    canaries: Iterable[Canary], *, released_at: float = -math.inf, rules: ChartRules = CHART_RULES
) -> Standing:
    """Where a device stands; the same answer for every order of the input.

    Args:
        canaries: all that the device ran.
        released_at: when a person last released it, in seconds since the epoch. That ends a quarantine which began
            before, and changes nothing of what is good.
        rules: the numbers.
    """
    now = Standing()
    for canary in sorted(canaries, key=lambda each: (each.at, each.duration_s)):
        now = _after(_released(now, released_at, canary.at), canary, rules)
    return _released(now, released_at, math.inf)


def _released(before: Standing, released_at: float, at: float) -> Standing:
    quarantine = before.quarantine
    is_released = quarantine is not None and quarantine.since <= released_at < at
    return Standing(before.good) if is_released else before


def _after(before: Standing, canary: Canary, rules: ChartRules) -> Standing:
    band = band_of(before.good, rules=rules)
    if band is not None and not band.holds(canary.duration_s):
        return Standing(before.good, _quarantined(before.quarantine, canary, band))
    good = (*before.good, canary)[-rules.window :]
    return Standing(good, _lessened(before.quarantine, rules))


def _quarantined(before: Quarantine | None, canary: Canary, band: Band) -> Quarantine:
    reason = f"its canary took {canary.duration_s:.3g} s, usual are {band.low_s:.3g} to {band.high_s:.3g} s"
    return Quarantine(canary.at if before is None else before.since, reason)


def _lessened(before: Quarantine | None, rules: ChartRules) -> Quarantine | None:
    if before is None or before.good_in_a_row + 1 >= rules.good_to_release:
        return None
    return Quarantine(before.since, before.reason, before.good_in_a_row + 1)
