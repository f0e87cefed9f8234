"""What a search may turn at a technique: parameters with choices, or with numbers from a range."""

from dataclasses import dataclass
from math import ceil, copysign, floor, inf, log10, sqrt

from optfarm_tasks.recipe import Value
from optfarm_tasks.technique import Bounds, Parameter

_REACH = 10
"""So many times more or less than the default is tried of a number that may vary widely."""
_WIDE = 100
"""A positive range over which numbers vary so many times is drawn from on a logarithmic scale."""
_INSET = 0.01
"""An end that is out of the range is kept away from by this share of its distance to the default."""
_DIGITS = 3


@dataclass(frozen=True)
class Choice:
    """A parameter that has one of a few values."""

    name: str
    values: tuple[Value, ...]
    default: Value | None

    @property
    def first(self) -> Value:
        """The default, or where there is none the first value."""
        return self.values[0] if self.default is None else self.default


@dataclass(frozen=True)
class Range:
    """A parameter that is a number; both ends are in."""

    name: str
    lower: float
    upper: float
    default: Value | None
    is_whole: bool = False
    is_log: bool = False

    @property
    def first(self) -> Value:
        """The default, or where there is none the middle of the range."""
        if self.default is not None:
            return self.default
        middle = sqrt(self.lower * self.upper) if self.is_log else (self.lower + self.upper) / 2
        return self.tidy(middle)

    def tidy(self, number: float) -> int | float:
        """The number as people would write it: whole, or of three digits, and within the range."""
        if self.is_whole:
            return round(min(max(number, self.lower), self.upper))
        digits = _DIGITS - 1 - floor(log10(abs(number))) if number else 0
        return min(max(round(number, digits), self.lower), self.upper)


Knob = Choice | Range


def knob_of(parameter: Parameter) -> Knob | None:
    """What a search may turn; None for a parameter that only people can choose, such as a name."""
    if parameter.choices:
        return Choice(parameter.name, parameter.choices, parameter.default)
    return None if parameter.bounds is None else _range(parameter, parameter.bounds)


def _range(parameter: Parameter, bounds: Bounds) -> Range | None:
    is_whole = parameter.type == "integer"
    default = parameter.default if isinstance(parameter.default, int | float) else 0.0
    lower = _inner(bounds.lower, bounds, parameter.default, is_whole=is_whole) if bounds.is_lower_open else bounds.lower
    upper = _inner(bounds.upper, bounds, parameter.default, is_whole=is_whole) if bounds.is_upper_open else bounds.upper
    is_log = False
    if default > 0 and lower is not None and lower >= 0:
        near, far = max(lower, default / _REACH), min(upper or inf, default * _REACH)
        if upper is None or upper / near >= _WIDE:
            lower, upper, is_log = ceil(near) if is_whole else near, floor(far) if is_whole else far, True
    if lower is None or upper is None:
        return None
    is_log = is_log or (lower > 0 and upper / lower >= _WIDE)
    return Range(parameter.name, lower, upper, parameter.default, is_whole=is_whole, is_log=is_log)


def _inner(end: float | None, bounds: Bounds, default: Value | None, *, is_whole: bool) -> float | None:
    """A number beside an end that is out of the range, so near to it that the default lies further in."""
    if end is None:
        return None
    inside = default if isinstance(default, int | float) else ((bounds.lower or 0) + (bounds.upper or 0)) / 2
    return end + copysign(1, inside - end) if is_whole else end + _INSET * (inside - end)
