"""Decides which recipes are tried next: those that people named, each technique alone, and what the proposer draws."""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from optfarm_tasks.recipe import Recipe

_PATIENCE = 32
"""So many recipes in a row that were drawn before mean that there is nothing new."""


class Asks(Protocol):
    """What the proposer is to this module."""

    def ask(self, wanted: Recipe | None = None) -> Recipe:
        """A recipe, new or not; or the wanted one."""
        ...


class Draws:
    """Draws recipes that were not tried yet.

    Recipes that people named come first. Then every other one is a technique by itself, in an order that the seed
    decides, as long as there are any; they show early what a technique is worth. How many are drawn at once changes
    nothing about which come.
    """

    def __init__(self, proposer: Asks, *, first: Iterable[Recipe], simple: Iterable[Recipe], seed: int) -> None:
        self._proposer = proposer
        self._first = deque(first)
        shuffled = sorted(simple, key=str)
        random.Random(seed).shuffle(shuffled)  # noqa: S311 (it keeps no secret)
        self._simple = deque(shuffled)

    def next(self, count: int, *, tried: Collection[str], on_repeat: Callable[[Recipe], None]) -> tuple[Recipe, ...]:
        """Up to `count` new recipes; fewer when nothing new comes any more.

        Args:
            count: how many are wanted.
            tried: recipes, as text, that were tried before.
            on_repeat: told a recipe that was drawn again.
        """
        drawn: dict[str, Recipe] = {}
        patience = _PATIENCE
        while len(drawn) < count and patience:
            recipe = self._proposer.ask(self._wanted(len(tried) + len(drawn)))
            if str(recipe) in tried or str(recipe) in drawn:
                patience -= 1
            else:
                patience = _PATIENCE
                drawn[str(recipe)] = recipe
            if str(recipe) in tried:
                on_repeat(recipe)
        return tuple(drawn.values())

    def _wanted(self, number: int) -> Recipe | None:
        if self._first:
            return self._first.popleft()
        return self._simple.popleft() if self._simple and number % 2 == 0 else None
