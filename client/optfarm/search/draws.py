"""Decides which recipes are tried next: those that were named, single techniques, and proposals of the sampler."""

import random
from collections import deque
from collections.abc import Callable, Collection, Iterable

from optfarm.search.proposer import Proposer
from optfarm_tasks.schema.recipe import Recipe

_PATIENCE = 32
"""After so many repeated recipes in a row the space counts as exhausted."""
_STUBBORN = 3
"""After so many repeated recipes in a row one is drawn at random, as the proposer repeats what it holds best."""


class Draws:
    """Draws recipes that were not tried yet.

    Recipes that people named come first. Then every other one is a technique by itself, in an order that the seed
    decides, as long as there are any; they show early what a technique is worth. How many are drawn at once changes
    nothing about which come.
    """

    def __init__(self, proposer: Proposer, *, first: Iterable[Recipe], simple: Iterable[Recipe], seed: int) -> None:
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
            on_repeat: called with each recipe that was drawn before.
        """
        drawn: dict[str, Recipe] = {}
        repeats = 0
        while len(drawn) < count and repeats < _PATIENCE:
            recipe = self._drawn(len(tried) + len(drawn), repeats)
            is_new = str(recipe) not in tried and str(recipe) not in drawn
            repeats = 0 if is_new else repeats + 1
            if str(recipe) in tried:
                on_repeat(recipe)
            else:
                drawn.setdefault(str(recipe), recipe)
        return tuple(drawn.values())

    def _drawn(self, number: int, repeats: int) -> Recipe:
        if self._first:
            return self._proposer.ask_for(self._first.popleft())
        if self._simple and number % 2 == 0:
            return self._proposer.ask_for(self._simple.popleft())
        return self._proposer.ask() if repeats < _STUBBORN else self._proposer.ask_any()
