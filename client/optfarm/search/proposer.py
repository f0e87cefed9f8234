"""Proposes recipes by a sampler of Optuna; the only module that imports it."""

import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import exp, log
from typing import Any

from optfarm.errors import BadRequest
from optfarm.search.knob import Range
from optfarm.search.space import Space, choices_of, draw
from optfarm_tasks.schema.recipe import Recipe, Scalar

_POPULATION = 10
"""Of NSGA-II: small, as a search has tens of trials, not thousands."""


def load_optuna() -> Any:
    """Optuna itself, which is slow to import.

    Raises:
        BadRequest: it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise BadRequest("a search needs Optuna: pip install 'optfarm[search]'") from error
    return optuna


class Proposer:
    """Draws recipes from a space, and learns from their results.

    The same seed, with the same answers in the same order, gives the same recipes.
    """

    def __init__(self, space: Space, *, sampler: str, seed: int, objectives: int) -> None:
        self._space = space
        self._optuna = load_optuna()
        self._random = random.Random(seed)  # noqa: S311 (it keeps no secret)
        self._open: dict[str, list[Any]] = {}
        with _quiet():
            chosen = _sampler(self._optuna, sampler, seed)
            self._study = self._optuna.create_study(sampler=chosen, directions=["minimize"] * objectives)

    def ask(self) -> Recipe:
        """The most promising recipe; it may be one that was proposed before."""
        return self._asked(None)

    def ask_any(self) -> Recipe:
        """A recipe at random; its result is learnt from too."""
        dice = _Dice(self._random)
        draw(self._space, dice)
        return self._asked(dice.thrown)

    def ask_for(self, wanted: Recipe) -> Recipe:
        """The wanted recipe; its result is learnt from if the space has it."""
        choices = choices_of(self._space, wanted)
        return wanted if choices is None else self._asked(choices)

    def record(self, recipe: Recipe, values: Sequence[float] | None) -> None:
        """Records how good a recipe is, the smaller the better; None when it has no numbers, and is pruned."""
        pruned = None if values is not None else self._optuna.trial.TrialState.PRUNED
        with _quiet():
            for trial in self._open.pop(str(recipe), []):
                self._study.tell(trial, values, state=pruned)

    def _asked(self, choices: dict[str, Scalar] | None) -> Recipe:
        with _quiet():
            if choices is not None:
                self._study.enqueue_trial(choices)
            trial = self._study.ask()
            recipe = draw(self._space, _Chooser(trial))
        self._open.setdefault(str(recipe), []).append(trial)
        return recipe


class _Dice:
    """Chooses at random, and keeps what it chose."""

    def __init__(self, source: random.Random) -> None:
        self._source = source
        self.thrown: dict[str, Scalar] = {}

    def choose(self, name: str, values: Sequence[Scalar]) -> Scalar:
        return self.thrown.setdefault(name, self._source.choice(values))

    def number(self, name: str, knob: Range) -> float:
        thrown = self.thrown.setdefault(name, self._thrown(knob))
        return float(thrown)

    def _thrown(self, knob: Range) -> float:
        if knob.is_log:
            return knob.tidy(exp(self._source.uniform(log(knob.lower), log(knob.upper))))
        return knob.tidy(self._source.uniform(knob.lower, knob.upper))


class _Chooser:
    """Chooses by an Optuna trial."""

    def __init__(self, trial: Any) -> None:
        self._trial = trial

    def choose(self, name: str, values: Sequence[Scalar]) -> Scalar:
        chosen: Scalar = self._trial.suggest_categorical(name, tuple(values))
        return chosen

    def number(self, name: str, knob: Range) -> float:
        if knob.is_whole:
            return int(self._trial.suggest_int(name, int(knob.lower), int(knob.upper), log=knob.is_log))
        return float(self._trial.suggest_float(name, knob.lower, knob.upper, log=knob.is_log))


def _sampler(optuna: Any, name: str, seed: int) -> Any:
    if name == "nsga2":
        return optuna.samplers.NSGAIISampler(population_size=_POPULATION, seed=seed)
    return optuna.samplers.TPESampler(seed=seed)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Optuna's own talk of its trials off the terminal."""
    logger = logging.getLogger("optuna")
    before = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(before)
