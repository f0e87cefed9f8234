"""Which recipes come next: the same seed and the same answers give the same ones, whatever the budget."""

import logging
import subprocess
import sys
from collections.abc import Iterable, Iterator

import pytest

from optfarm.search.draws import Draws
from optfarm.search.proposer import Proposer
from optfarm.search.space import Space, applicable, shortest, space_of
from optfarm_tasks.schema.recipe import Recipe
from tests.unit.cards import CARDS, H5, ONNX, SAVED, TFLITE, card, parameter

FINAL = frozenset({SAVED, H5, TFLITE})
PLAIN = (card("one", {SAVED: SAVED}), card("two", {SAVED: TFLITE}))


def space(max_steps: int = 3) -> Space:
    return space_of(CARDS, [], start=H5, final_formats=FINAL, max_steps=max_steps)[0]


def goodness(recipe: Recipe) -> list[float] | None:
    """A time and a size that a recipe is given here; one in seven has none."""
    seed = sum(map(ord, str(recipe)))
    return None if seed % 7 == 0 else [1 + seed % 11, 1 + seed % 13]


def searched(
    batches: Iterator[int],
    *,
    sampler: str = "tpe",
    seed: int = 0,
    first: tuple[str, ...] = (),
    over: Space | None = None,
) -> list[str]:
    """The recipes that come when so many are asked for at a time, until nothing new comes."""
    there = over or space()
    proposer = Proposer(there, sampler=sampler, seed=seed, objectives=2)
    named = [Recipe.parse(text) for text in first]
    draws = Draws(proposer, first=named, simple=shortest(there).values(), seed=seed)
    tried: list[str] = []
    for count in batches:
        batch = draws.next(count, tried=tried, on_repeat=lambda recipe: proposer.record(recipe, goodness(recipe)))
        for recipe in batch:
            proposer.record(recipe, goodness(recipe))
        tried += map(str, batch)
        if len(batch) < count:
            break
    return tried


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_the_same_seed_draws_the_same_recipes(sampler: str) -> None:
    drawn = searched(iter([4] * 8), sampler=sampler, seed=3)

    assert len(set(drawn)) == len(drawn) == 32
    assert searched(iter([4] * 8), sampler=sampler, seed=3) == drawn
    assert searched(iter([4] * 8), sampler=sampler, seed=4) != drawn


@pytest.mark.parametrize("sampler", ["tpe", "nsga2"])
def test_a_larger_budget_goes_on_where_a_smaller_one_ended(sampler: str) -> None:
    assert searched(iter([4] * 8), sampler=sampler)[:14] == searched(iter([4, 4, 4, 2]), sampler=sampler)


def test_named_recipes_come_first_and_each_technique_comes_early() -> None:
    drawn = searched(iter([4] * 3), first=("prune(sparsity=0.77) -> fold", "fold -> lite"))

    assert drawn[:2] == ["prune(sparsity=0.77) -> fold", "fold -> lite"]
    assert {str(recipe) for recipe in shortest(space()).values()} <= set(drawn)


def test_a_small_space_is_tried_whole_and_the_search_ends() -> None:
    over = space_of(PLAIN, [], start=SAVED, final_formats=FINAL, max_steps=2)[0]

    assert sorted(searched(iter([4] * 9), over=over)) == ["one", "one -> two", "two"]


def test_what_is_good_is_drawn_more_often() -> None:
    """By TPE, of a parameter whose least value is best."""
    slider = card("slide", {SAVED: SAVED}, parameter("x", default=0.5, bounds=(0, 1)))
    over = space_of([slider], [], start=SAVED, final_formats=FINAL, max_steps=1)[0]
    proposer = Proposer(over, sampler="tpe", seed=0, objectives=2)

    drawn = []
    for _ in range(60):
        recipe = proposer.ask()
        drawn.append(float(recipe.steps[0].params.get("x", 0.5)))
        proposer.record(recipe, [drawn[-1], drawn[-1]])

    assert sum(drawn[40:]) < 0.7 * sum(drawn[:20])


def test_optuna_is_silent_and_as_loud_as_before_afterwards(capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.getLogger("optuna").level

    searched(iter([4]))

    assert logging.getLogger("optuna").level == before
    assert capfd.readouterr() == ("", "")


def test_without_optuna_it_is_said_how_to_install_it() -> None:
    script = (
        "import sys; sys.modules['optuna'] = None\n"
        "from optfarm.search.proposer import load_optuna\n"
        "from optfarm.errors import BadRequest\n"
        "try: load_optuna()\nexcept BadRequest as error: print(error)"
    )

    said = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout

    assert said == "a search needs Optuna: pip install 'optfarm[search]'\n"


def test_a_technique_that_the_farm_refuses_is_left_out_and_its_companions_stay() -> None:
    def refusals(recipes: Iterable[Recipe]) -> dict[str, str]:
        return {str(each): "no training data" for each in recipes if "prune" in str(each)}

    there = space_of(CARDS, [], start=H5, final_formats=frozenset({SAVED, TFLITE}), max_steps=3)[0]
    kept, left = applicable(there, refusals)

    assert [move.name for move in kept.moves] == ["fold", "lite"]
    assert {each.technique: each.reason for each in left} == {
        "prune": "no training data",
        "zip": "it takes tflite; no recipe of 3 steps or fewer leads from h5 to it and on to what can be run",
    }


def test_nothing_is_asked_where_nothing_applies() -> None:
    there = space_of(CARDS, [], start=ONNX, final_formats=FINAL, max_steps=3)[0]

    kept, left = applicable(there, lambda _: {})

    assert kept.moves == ()
    assert {each.technique for each in left} == {"prune", "fold", "lite", "zip"}
