"""The recipes that a search chooses from: techniques that chain by format, with the parameters it may vary."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from optfarm.search.knob import Knob, Range, knob_of
from optfarm_tasks.description import Format
from optfarm_tasks.schema.recipe import Recipe, Scalar, Step
from optfarm_tasks.schema.technique_card import TechniqueCard


@dataclass(frozen=True)
class Move:
    """A technique as a step of a recipe; parameters that people fixed are no knobs."""

    step: Step
    converts: Mapping[Format, Format]
    knobs: tuple[Knob, ...] = ()

    @property
    def name(self) -> str:
        """The step with all knobs at their defaults."""
        return str(self.step)


@dataclass(frozen=True)
class LeftOut:
    """A technique that the search does not use, and why."""

    technique: str
    reason: str


@dataclass(frozen=True)
class Space:
    """Every recipe of at most `max_steps` moves that begins at a format and ends in one that can be run."""

    start: Format
    moves: tuple[Move, ...]
    final_formats: frozenset[Format]
    max_steps: int
    by_name: Mapping[str, Move] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Indexes the moves."""
        object.__setattr__(self, "by_name", {move.name: move for move in self.moves})

    def options(self, position: int, reached: Format) -> tuple[str, ...]:
        """The moves that may come at a position (from 0) of a recipe that has reached a format."""
        rest = self._endable(self.max_steps - position - 1) if position < self.max_steps else frozenset()
        return tuple(move.name for move in self.moves if move.converts.get(reached) in rest)

    def may_end(self, position: int, reached: Format) -> bool:
        """Whether a recipe of so many steps may end in a format."""
        return position > 0 and reached in self.final_formats

    def without(self, names: Iterable[str]) -> "Space":
        """The space that lacks some moves."""
        gone = set(names)
        return replace(self, moves=tuple(move for move in self.moves if move.name not in gone))

    def _endable(self, steps: int) -> frozenset[Format]:
        """The formats from which so many steps or fewer lead to a runnable one."""
        found = self.final_formats
        for _ in range(steps):
            found |= {each for move in self.moves for each, made in move.converts.items() if made in found}
        return found


Refusals = Callable[[Iterable[Recipe]], Mapping[str, str]]
"""Recipes → the reason for each of them that the farm would not run."""


class Chooser(Protocol):
    """Makes the choices that a recipe is drawn by; the same name always has the same values to choose from."""

    def choose(self, name: str, values: Sequence[Scalar]) -> Scalar:
        """One of the values."""
        ...

    def number(self, name: str, knob: Range) -> float:
        """A number within the range."""
        ...


def space_of(
    cards: Iterable[TechniqueCard],
    named: Sequence[Step],
    *,
    start: Format,
    final_formats: frozenset[Format],
    max_steps: int,
) -> tuple[Space, tuple[LeftOut, ...]]:
    """The space of the techniques that people named as steps, or else of all, and those that only people can set."""
    by_name = {card.name: card for card in cards}
    moves: list[Move] = []
    left: list[LeftOut] = []
    for step in named or tuple(Step(technique=name) for name in by_name):
        card = by_name[step.technique]
        unknown = [each.name for each in card.parameters if each.is_required and each.name not in step.params]
        if unknown:
            form = ", ".join(f"{name}=…" for name in unknown)
            left.append(LeftOut(str(step), f"only you know its {' and '.join(unknown)}; name {card.name}({form})"))
        else:
            moves.append(_move(card, step))
    return Space(start=start, moves=tuple(moves), final_formats=final_formats, max_steps=max_steps), tuple(left)


def draw(space: Space, chooser: Chooser) -> Recipe:
    """One recipe of a space that is not empty, by the choices of a chooser.

    Whether it goes on, and whether a move's knobs are turned at all, is decided apart from how. So every other recipe
    that is drawn at random is short, and every other step is plain, however many moves and knobs there are.
    """
    steps: list[Step] = []
    used: set[str] = set()
    reached = space.start
    while options := space.options(len(steps), reached):
        may_end = space.may_end(len(steps), reached)
        if may_end and not chooser.choose(_more(len(steps), reached), (False, True)):
            break
        chosen = str(chooser.choose(_place(len(steps), reached), options))
        if chosen in used and may_end:
            break
        if chosen in used:
            chosen = next((name for name in options if name not in used), chosen)
        move = space.by_name[chosen]
        steps.append(_turned(move, chooser))
        used.add(chosen)
        reached = move.converts[reached]
    return Recipe(steps=tuple(steps))


def choices_of(space: Space, recipe: Recipe) -> dict[str, Scalar] | None:
    """The choices by which `draw` gives a recipe whose knobs are not turned; None when it never gives it."""
    choices: dict[str, Scalar] = {}
    reached = space.start
    for position, step in enumerate(recipe.steps):
        move = space.by_name.get(str(step))
        if move is None or move.name not in space.options(position, reached):
            return None
        choices |= {_more(position, reached): True, _place(position, reached): move.name, _any(move): False}
        reached = move.converts[reached]
    return choices | {_more(len(recipe.steps), reached): False}


def shortest(space: Space) -> dict[str, Recipe]:
    """For each move that can be part of a recipe, a shortest recipe with it, all knobs at their defaults."""
    found: dict[str, Recipe] = {}
    for reached, before in _ways(space, space.start).items():
        for move in space.moves:
            if reached not in move.converts or move.name in found or move.step in before:
                continue
            after = _ways(space, move.converts[reached])
            tails = [steps for made, steps in after.items() if made in space.final_formats]
            steps = (*before, move.step, *min(tails, key=len)) if tails else ()
            if 0 < len(steps) <= space.max_steps:
                found[move.name] = Recipe(steps=steps)
    return found


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


def _ways(space: Space, start: Format) -> dict[Format, tuple[Step, ...]]:
    """Format → the fewest steps that lead to it, the nearest formats first."""
    ways: dict[Format, tuple[Step, ...]] = {start: ()}
    queue = [start]
    for reached in queue:
        for move in space.moves:
            made = move.converts.get(reached)
            if made is not None and made not in ways:
                ways[made] = (*ways[reached], move.step)
                queue.append(made)
    return ways


def _move(card: TechniqueCard, step: Step) -> Move:
    free = (knob_of(each) for each in card.parameters if each.name not in step.params)
    return Move(step=step, converts=card.converts, knobs=tuple(knob for knob in free if knob is not None))


def _turned(move: Move, chooser: Chooser) -> Step:
    if not move.knobs or not chooser.choose(_any(move), (False, True)):
        return move.step
    drawn = {knob.name: _value(move, knob, chooser) for knob in move.knobs}
    changed = {knob.name: drawn[knob.name] for knob in move.knobs if drawn[knob.name] != knob.default}
    return Step(technique=move.step.technique, params={**move.step.params, **changed})


def _value(move: Move, knob: Knob, chooser: Chooser) -> Scalar:
    if isinstance(knob, Range):
        return knob.tidy(chooser.number(_knob(move, knob), knob))
    return chooser.choose(_knob(move, knob), knob.values)


def _place(position: int, reached: Format) -> str:
    return f"step {position + 1} from {reached}"


def _more(position: int, reached: Format) -> str:
    return f"more after {position} to {reached}"


def _any(move: Move) -> str:
    return f"{move.name} is turned"


def _knob(move: Move, knob: Knob) -> str:
    return f"{move.name}.{knob.name}"
