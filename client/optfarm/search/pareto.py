"""Pareto fronts of points whose coordinates are known within intervals; smaller is better in all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from optfarm_tasks.schema.measurement import Interval


@dataclass(frozen=True)
class Estimate:
    """A number with the interval in which it surely lies."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> "Estimate":
        """A number that is known."""
        return cls(value, value, value)

    @classmethod
    def within(cls, value: float, interval: Interval | None) -> "Estimate":
        """A positive number with its interval; without one, anything is possible."""
        low, high = interval or (0.0, inf)
        return cls(value, min(low, value), max(high, value))


UNKNOWN = Estimate(inf, 0.0, inf)
"""A positive number of which nothing is known; it beats nothing, and is not clearly beaten."""

Point = tuple[Estimate, ...]


def beats(one: Point, other: Point) -> bool:
    """Whether one is by its values no worse in anything and better in something."""
    pairs = list(zip(one, other, strict=True))
    return all(a.value <= b.value for a, b in pairs) and any(a.value < b.value for a, b in pairs)


def clearly_beats(one: Point, other: Point) -> bool:
    """Whether one is no worse in anything and better in something, wherever in their intervals the numbers lie."""
    pairs = list(zip(one, other, strict=True))
    return all(a.high <= b.low for a, b in pairs) and any(a.high < b.low for a, b in pairs)


def front(points: Sequence[Point]) -> tuple[int, ...]:
    """The positions of the points that no other one beats: the Pareto front by values."""
    return _unbeaten(points, beats)


def contenders(points: Sequence[Point]) -> tuple[int, ...]:
    """The positions of the points that no other one clearly beats; the front is among them."""
    return _unbeaten(points, clearly_beats)


def _unbeaten(points: Sequence[Point], beat: Callable[[Point, Point], bool]) -> tuple[int, ...]:
    return tuple(place for place, point in enumerate(points) if not any(beat(other, point) for other in points))
