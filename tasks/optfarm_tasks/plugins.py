"""Techniques that other distributions bring along, by the entry point group `optfarm.techniques`.

An entry point names a module of the shape of optfarm_tasks.technique.Technique: `blur = my_package.blur`. What is wrong
with one never keeps the others from loading; whoever asks for it is given the reason.
"""

import contextlib
import functools
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.frameworks.imports import line_of
from optfarm_tasks.schema.recipe import NAME
from optfarm_tasks.technique import Card, Params, Technique

GROUP = "optfarm.techniques"


@dataclass(frozen=True)
class Plugins:
    """What loaded, and what did not."""

    techniques: dict[str, Technique] = field(default_factory=dict)
    distributions: dict[str, str] = field(default_factory=dict)
    """Technique → the distribution that brings it; its version shapes what the technique makes."""
    faults: dict[str, str] = field(default_factory=dict)
    """Technique → why it cannot be used, and what to do."""


@functools.cache
def installed(own: frozenset[str]) -> Plugins:
    """The plug-ins of this interpreter; loading them runs their code.

    Args:
        own: names of the farm's own techniques, which no plug-in may take.
    """
    return loaded(entry_points(group=GROUP), own)


def loaded(points: Iterable[EntryPoint], own: Collection[str]) -> Plugins:
    """What comes of entry points; see `installed`."""
    ordered = sorted(points, key=lambda point: (point.name, point.value))
    counts = Counter(point.name for point in ordered)
    found = Plugins()
    for point in ordered:
        try:
            _check_name(point.name, own, count=counts[point.name])
            found.techniques[point.name] = _technique(point)
            found.distributions[point.name] = _distribution(point)
        except BadParameter as error:
            found.faults[point.name] = f"the plug-in {point.name!r} ({_origin(point)}) cannot be used: {error}"
    return found


def _check_name(name: str, own: Collection[str], *, count: int) -> None:
    if not re.fullmatch(NAME, name):
        raise BadParameter("a technique's name has small letters, digits and hyphens; rename its entry point")
    if name in own:
        raise BadParameter("the farm has a technique of that name, which stays; rename its entry point")
    if count > 1:
        raise BadParameter(f"{count} entry points have that name; uninstall or rename all but one")


def _technique(point: EntryPoint) -> Technique:
    try:
        # What it prints is not for the readers of this program's output.
        with contextlib.redirect_stdout(sys.stderr):
            module: Any = point.load()
    except (Exception, SystemExit) as error:  # a plug-in may raise anything while it is imported
        raise BadParameter(f"importing it raised {type(error).__name__}: {line_of(error)}") from error
    wrong = list(_faults(module))
    if wrong:
        raise BadParameter(f"{', '.join(wrong)}; see docs/new-technique.md")
    technique: Technique = module
    return technique


def _faults(module: Any) -> Iterable[str]:
    params = getattr(module, "PARAMS", None)
    if not (isinstance(params, type) and issubclass(params, Params)):
        yield "PARAMS is no subclass of optfarm_tasks.technique.Params"
    card = getattr(module, "CARD", None)
    if not isinstance(card, Card):
        yield "CARD is no optfarm_tasks.technique.Card"
    elif set(card.yields) != card.accepts:
        yield "CARD.yields does not say what comes of each format that it accepts"
    if not callable(getattr(module, "run", None)):
        yield "there is no run(work, params)"


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist is not None else point.module.partition(".")[0]


def _origin(point: EntryPoint) -> str:
    version = f" {point.dist.version}" if point.dist is not None else ""
    return f"{point.value} of {_distribution(point)}{version}"
