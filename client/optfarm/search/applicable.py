"""Removes from a space the techniques that the farm refuses for this model, data set and device."""

from collections.abc import Callable, Iterable, Mapping

from optfarm.search.space import LeftOut, Space, shortest
from optfarm_tasks.schema.recipe import Recipe

Refusals = Callable[[Iterable[Recipe]], Mapping[str, str]]
"""Recipes → the reason for each of them that the farm would not run."""


def applicable(space: Space, refusals: Refusals) -> tuple[Space, tuple[LeftOut, ...]]:
    """The space of what the farm takes, and the rest with the reasons; asks the farm once or a few times.

    Each technique is asked for in a shortest recipe that has it. Where that is refused, the technique is to blame whose
    companions are taken in recipes of their own.
    """
    left: list[LeftOut] = []
    while True:
        probes = shortest(space)
        refused = refusals(probes.values()) if probes else {}
        faults = {name: refused[str(recipe)] for name, recipe in probes.items() if str(recipe) in refused}
        if not faults:
            away = _unreached(space, probes)
            return space.without(each.technique for each in away), (*left, *away)
        companions = {name: {*map(str, probes[name].steps)} - {name} for name in faults}
        to_blame = {name: why for name, why in faults.items() if companions[name].isdisjoint(faults)}
        left += [LeftOut(name, why) for name, why in (to_blame or faults).items()]
        space = space.without(to_blame or faults)


def _unreached(space: Space, probes: Mapping[str, Recipe]) -> tuple[LeftOut, ...]:
    rest = f"no recipe of {space.max_steps} steps or fewer leads from {space.start} to it and on to what can be run"
    away = [move for move in space.moves if move.name not in probes]
    return tuple(LeftOut(move.name, f"it takes {', '.join(sorted(move.converts))}; {rest}") for move in away)
