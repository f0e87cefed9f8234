"""The parameters of a technique that a search may vary, each with its choices or its range."""

from dataclasses import dataclass
from math import ceil, copysign, floor, inf, log10

from optfarm_tasks.schema.recipe import Scalar
from optfarm_tasks.schema.technique_card import Bounds, Parameter

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
    values: tuple[Scalar, ...]
    default: Scalar


@dataclass(frozen=True)
class Range:
    """A parameter that is a number; both ends are in."""

    name: str
    lower: float
    upper: float
    default: float
    is_whole: bool = False
    is_log: bool = False

    def tidy(self, number: float) -> int | float:
        """The number as people would write it: whole, or of three digits, and within the range."""
        if self.is_whole:
            return round(min(max(number, self.lower), self.upper))
        digits = _DIGITS - 1 - floor(log10(abs(number))) if number else 0
        return min(max(round(number, digits), self.lower), self.upper)


Knob = Choice | Range


def knob_of(parameter: Parameter) -> Knob | None:
    """The knob of a parameter; None where only people can choose: without a default, or free text such as a name."""
    if parameter.choices and parameter.default is not None:
        return Choice(parameter.name, parameter.choices, parameter.default)
    if parameter.bounds is None or not isinstance(parameter.default, int | float):
        return None
    return _range(parameter.name, parameter.default, parameter.bounds, is_whole=parameter.type == "integer")


def _range(name: str, default: float, bounds: Bounds, *, is_whole: bool) -> Range | None:
    lower = _inner(bounds.lower, default, is_whole=is_whole) if bounds.is_lower_open else bounds.lower
    upper = _inner(bounds.upper, default, is_whole=is_whole) if bounds.is_upper_open else bounds.upper
    is_log = False
    if default > 0 and lower is not None and lower >= 0:
        near, far = max(lower, default / _REACH), min(upper or inf, default * _REACH)
        if near > 0 and (upper is None or upper >= _WIDE * near):
            lower, upper, is_log = ceil(near) if is_whole else near, floor(far) if is_whole else far, True
    if lower is None or upper is None:
        return None
    return Range(name, lower, upper, default, is_whole=is_whole, is_log=is_log)


def _inner(end: float | None, default: float, *, is_whole: bool) -> float | None:
    """The number next to an open end of a range, never beyond the default."""
    if end is None:
        return None
    return end + copysign(1, default - end) if is_whole else end + _INSET * (default - end)
