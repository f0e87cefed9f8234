"""Judges a device by how long its canaries take: one that leaves the band of the earlier good ones means quarantine.

An individuals chart with moving ranges (Shewhart; NIST/SEMATECH e-Handbook of Statistical Methods, 6.3.2.2), drawn over
the logarithms of durations, because disturbances multiply.
"""

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

_D2 = 1.128
"""Expected range of two draws from a normal distribution, in standard deviations."""
_SIGMAS = 3.0


@dataclass(frozen=True)
class ChartRules:
    """How the band is drawn, and what ends a quarantine."""

    min_good: int = 8
    """With fewer good canaries nothing is judged."""
    window: int = 60
    """The latest good canaries count, so that the band follows a device that ages."""
    compute_half_width: float = 0.10
    """A very still history does not make the band narrower than this share of its centre."""
    memory_half_width: float = 0.25
    """The same of memory: as much is allowed to it as to a measurement without the flag mem_contention."""
    further_half_width: float = 0.25
    good_to_release: int = 3


CHART_RULES = ChartRules()


@dataclass(frozen=True)
class Canary:
    """One run of the canary; durations are above 0."""

    at: float
    """Seconds since the epoch."""
    compute_ns: float
    memory_ns: float
    further_ns: Mapping[str, float] = field(default_factory=dict)
    """Work → duration, of what only some kinds of devices do."""
    is_disturbed: bool = False
    """Others took so much of the device that its times are no part of the band."""


@dataclass(frozen=True)
class Band:
    """The durations that are usual for a device's canary."""

    low_ns: float
    centre_ns: float
    high_ns: float

    def holds(self, duration_ns: float) -> bool:
        """Whether a duration is a usual one."""
        return self.low_ns <= duration_ns <= self.high_ns


@dataclass(frozen=True)
class Quarantine:
    """Why nothing is measured on a device, and since when."""

    since: float
    """Seconds since the epoch."""
    reason: str
    good_in_a_row: int = 0


@dataclass(frozen=True)
class Standing:
    """What the canaries of a device so far say of it."""

    good: tuple[Canary, ...] = ()
    """Oldest first; those that the next band rests on."""
    quarantine: Quarantine | None = None


def judged(before: Standing, canary: Canary, *, rules: ChartRules = CHART_RULES) -> Standing:
    """Where a device stands after one more canary.

    One outside the band begins a quarantine and is no part of the next band, else a bad week would become the rule;
    enough good ones in a row end it. A disturbed one inside, or before there is a band, is neither.
    """
    faults = "; ".join(_faults(before.good, canary, rules))
    if faults:
        since = canary.at if before.quarantine is None else before.quarantine.since
        return Standing(before.good, Quarantine(since, faults))
    if canary.is_disturbed:
        return before
    return Standing((*before.good, canary)[-rules.window :], _lessened(before.quarantine, rules))


def memory_band(good: Sequence[Canary], *, rules: ChartRules = CHART_RULES) -> Band | None:
    """What the memory canary usually takes; None while the good canaries, oldest first, are too few to judge by."""
    return _band([each.memory_ns for each in good], rules.memory_half_width, rules)


def compute_band(good: Sequence[Canary], *, rules: ChartRules = CHART_RULES) -> Band | None:
    """The same of the compute canary."""
    return _band([each.compute_ns for each in good], rules.compute_half_width, rules)


def _further_band(good: Sequence[Canary], name: str, rules: ChartRules) -> Band | None:
    durations_ns = [each.further_ns[name] for each in good if name in each.further_ns]
    return _band(durations_ns, rules.further_half_width, rules)


def _band(durations_ns: Sequence[float], least: float, rules: ChartRules) -> Band | None:
    if len(durations_ns) < rules.min_good:
        return None
    logs = [math.log(each) for each in durations_ns]
    centre = statistics.fmean(logs)
    sigma = statistics.fmean(abs(after - before) for before, after in pairwise(logs)) / _D2
    half = max(_SIGMAS * sigma, math.log1p(least))
    return Band(math.exp(centre - half), math.exp(centre), math.exp(centre + half))


def _faults(good: Sequence[Canary], canary: Canary, rules: ChartRules) -> Iterator[str]:
    found = (
        ("compute", canary.compute_ns, compute_band(good, rules=rules)),
        ("memory", canary.memory_ns, memory_band(good, rules=rules)),
    )
    further = ((name, took_ns, _further_band(good, name, rules)) for name, took_ns in sorted(canary.further_ns.items()))
    for name, took_ns, band in (*found, *further):
        if band is not None and not band.holds(took_ns):
            usual = f"{band.low_ns / 1e6:.3g} to {band.high_ns / 1e6:.3g} ms"
            yield f"its {name} canary took {took_ns / 1e6:.3g} ms, usual are {usual}"


def _lessened(before: Quarantine | None, rules: ChartRules) -> Quarantine | None:
    if before is None or before.good_in_a_row + 1 >= rules.good_to_release:
        return None
    return Quarantine(before.since, before.reason, before.good_in_a_row + 1)
