"""Says in the farm's own words what is wrong with a value that a schema refuses. Pure."""

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from itertools import groupby
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

Place = tuple[int | str, ...]
"""Where a value stands: the names of fields, and positions in lists."""

_BRANCH = re.compile(r"int|float|str|bool|none|constrained-\w+|.*\[.*", re.DOTALL)
"""Stands in pydantic's places for an alternative of a union, such as constrained-int and literal['auto']."""
_WANTED = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "multiple_of": "a multiple of {multiple_of}",
    "finite_number": "a finite number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_parsing_size": "a smaller whole number",
    "float_parsing": "a number",
    "float_type": "a number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "string_type": "text",
    "string_pattern_mismatch": "text like {pattern}",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "names with values",
    "model_type": "names with values",
    "model_attributes_type": "names with values",
    "too_short": "at least {min_length}",
    "too_long": "at most {max_length}",
    "json_type": "JSON",
}
_LONGEST = 80


def dotted(place: Place) -> str:
    """A place as programmers write it: limits.timeout_s."""
    return ".".join(map(str, place))


def shown(value: Any, _place: Place = ()) -> str:
    """A value as people wrote it, cut where it is long."""
    text = f"{value:.12g}" if isinstance(value, float) else str(value) if isinstance(value, int) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def faults_of(
    error: ValidationError, *, name: Callable[[Place], str] = dotted, show: Callable[[Any, Place], str] = shown
) -> tuple[str, ...]:
    """What is wrong, a sentence each: timeout_s is -5; it takes more than 0.

    Args:
        error: what pydantic said.
        name: what people call the value at a place.
        show: a value, or a bound on it, as people write it.
    """
    return in_words(error.errors(), name=name, show=show)


def in_words(
    faults: Iterable[ErrorDetails], *, name: Callable[[Place], str] = dotted, show: Callable[[Any, Place], str] = shown
) -> tuple[str, ...]:
    """The same of faults that were taken out of the error."""
    every = list(faults)
    own = [fault for fault in every if not (fault["type"] == "too_short" and fault["input"])]  # it lacks refused values
    grouped = groupby(own or every, key=lambda fault: place_of(fault["loc"]))
    return tuple(dict.fromkeys(_sentence(name(place), place, list(group), show) for place, group in grouped))


def text_of(error: Exception) -> str:
    """What an error says in one line; a refusal by a schema in the farm's words."""
    return "; ".join(faults_of(error)) if isinstance(error, ValidationError) else str(error)


def place_of(loc: Place) -> Place:
    """The place that people know, without the alternatives of a union."""
    return tuple(part for part in loc if isinstance(part, int) or not _BRANCH.fullmatch(part))


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint at the name that was meant, or at all there are."""
    there = list(names)
    near = get_close_matches(name, there, n=1, cutoff=0.5)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(there) or 'none'}"


def _sentence(name: str, place: Place, faults: Sequence[ErrorDetails], show: Callable[[Any, Place], str]) -> str:
    first = faults[0]
    own = first.get("ctx", {}).get("error")
    if first["type"] in {"value_error", "assertion_error"}:
        return f"{name} {own}".strip() if str(own).startswith(("is ", "has ")) else str(own)
    if first["type"] == "extra_forbidden":
        return f"there is no {name}"
    if first["type"] == "missing":
        return f"{name or 'it'} is missing"
    if first["type"] == "json_invalid":
        return f"{name or 'it'} is no JSON: {own}"
    wanted = ", or ".join(dict.fromkeys(_wanted(fault, place, show) for fault in faults))
    seen = "empty" if first["input"] in ((), [], "", {}) else show(first["input"], place)
    return f"{name or 'it'} is {seen}; it takes {wanted}"


def _wanted(fault: ErrorDetails, place: Place, show: Callable[[Any, Place], str]) -> str:
    context = fault.get("ctx", {})
    if fault["type"] in {"literal_error", "enum"}:
        return str(context["expected"]).replace("'", "")
    values = {key: show(value, place) if isinstance(value, int | float) else value for key, value in context.items()}
    if fault["type"] in {"too_short", "too_long"}:
        values = context
    form = _WANTED.get(fault["type"])
    return form.format(**values) if form else re.sub(r"^\w+ should (be|have) (a |an )?(valid )?", "", fault["msg"])
