"""What a search may choose from, and that everything it draws is a recipe that can run."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from optfarm.search.knob import Choice, Range, knob_of
from optfarm.search.space import Space, choices_of, draw, shortest, space_of
from optfarm_tasks.description import Format
from optfarm_tasks.schema.recipe import Recipe, Scalar
from optfarm_tasks.schema.technique_card import Bounds
from tests.unit.cards import CARDS, CODED, H5, ONNX, SAVED, TFLITE, ZIP, card, parameter

FINAL = frozenset({SAVED, H5, TFLITE, CODED})


def space(*named: str, start: Format = H5, final_formats: frozenset[Format] = FINAL, max_steps: int = 3) -> Space:
    steps = [Recipe.parse(text).steps[0] for text in named]
    return space_of(CARDS, steps, start=start, final_formats=final_formats, max_steps=max_steps)[0]


class Hypothesis:
    """Chooses as hypothesis wants, and sees to it that a name always has the same values."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.made: dict[str, Scalar] = {}

    def choose(self, name: str, values: Sequence[Scalar]) -> Scalar:
        self.made[name] = self._data.draw(st.sampled_from(list(values)), label=name)
        return self.made[name]

    def number(self, name: str, knob: Range) -> float:
        numbers: Any = (
            st.integers(int(knob.lower), int(knob.upper)) if knob.is_whole else st.floats(knob.lower, knob.upper)
        )
        self.made[name] = self._data.draw(numbers, label=name)
        return float(self.made[name])


class Given:
    """Chooses what it was given."""

    def __init__(self, choices: dict[str, Scalar]) -> None:
        self._choices = choices

    def choose(self, name: str, values: Sequence[Scalar]) -> Scalar:
        assert self._choices[name] in values
        return self._choices[name]

    def number(self, name: str, knob: Range) -> float:
        number = self._choices[name]
        assert isinstance(number, int | float)
        assert knob.lower <= number <= knob.upper
        return number


def formats_along(recipe: Recipe, start: Format) -> list[Format]:
    """The formats from the model's to the artifact's; a step that does not take its input raises."""
    cards = {card.name: card for card in CARDS}
    reached = [start]
    for step in recipe.steps:
        reached.append(cards[step.technique].converts[reached[-1]])
    return reached


@given(st.data(), st.sampled_from([H5, SAVED]), st.integers(1, 4), st.sets(st.sampled_from(sorted(FINAL)), min_size=1))
def test_every_recipe_drawn_chains_and_ends_where_it_can_be_run(
    data: st.DataObject, start: Format, max_steps: int, final_formats: set[Format]
) -> None:
    there = space(start=start, final_formats=frozenset(final_formats), max_steps=max_steps)
    if not there.options(0, start):
        return

    recipe = draw(there, Hypothesis(data))

    assert 1 <= len(recipe.steps) <= max_steps
    assert formats_along(recipe, start)[-1] in final_formats


@given(st.data())
def test_no_step_is_drawn_twice_where_a_recipe_may_end_anywhere(data: st.DataObject) -> None:
    recipe = draw(space(max_steps=4), Hypothesis(data))

    assert len({step.technique for step in recipe.steps}) == len(recipe.steps)


@given(st.data())
def test_a_recipe_that_is_drawn_reads_back_as_it_is_written(data: st.DataObject) -> None:
    recipe = draw(space(), Hypothesis(data))

    assert Recipe.parse(str(recipe)) == recipe


@given(st.data())
def test_the_same_choices_draw_the_same_recipe(data: st.DataObject) -> None:
    chooser = Hypothesis(data)

    recipe = draw(space(), chooser)

    assert draw(space(), Given(chooser.made)) == recipe


@given(st.integers(1, 4), st.sampled_from([H5, SAVED, TFLITE]))
def test_a_shortest_recipe_is_drawn_by_its_choices(max_steps: int, start: Format) -> None:
    there = space(start=start, max_steps=max_steps)

    for name, recipe in shortest(there).items():
        choices = choices_of(there, recipe)
        assert choices is not None
        assert draw(there, Given(choices)) == recipe
        assert name in map(str, recipe.steps)


def test_each_technique_comes_in_the_shortest_recipe_that_has_it() -> None:
    assert {name: str(recipe) for name, recipe in shortest(space()).items()} == {
        "prune": "prune",
        "fold": "fold",
        "lite": "lite",
        "zip": "lite -> zip",
    }


def test_a_technique_that_leaves_no_runnable_model_is_followed_by_one_that_does() -> None:
    there = space(final_formats=frozenset({TFLITE}))

    assert str(shortest(there)["prune"]) == "prune -> lite"
    assert not there.may_end(1, H5)


def test_a_longer_way_than_allowed_is_none() -> None:
    assert "zip" not in shortest(space(max_steps=1))


def test_a_step_that_is_drawn_twice_ends_the_recipe() -> None:
    choices: dict[str, Scalar] = {
        "step 1 from saved_model": "fold",
        "fold is turned": False,
        "more after 1 to saved_model": True,
        "step 2 from saved_model": "fold",
    }

    assert str(draw(space(start=SAVED), Given(choices))) == "fold"


def test_what_people_fixed_stays_and_the_rest_is_drawn() -> None:
    (move,) = space("prune(sparsity=0.9)").moves

    assert [knob.name for knob in move.knobs] == ["learning_rate", "epochs"]
    assert move.name == "prune(sparsity=0.9)"


def test_a_technique_that_only_people_can_set_is_left_out_with_what_to_write() -> None:
    _, (left,) = space_of(CARDS, [], start=H5, final_formats=FINAL, max_steps=3)

    assert left.technique == "place"
    assert "place(match=…)" in left.reason
    assert "place(match=NonMaxSuppression)" in space("place(match=NonMaxSuppression)", "lite").by_name


def test_a_required_number_is_left_to_people_too() -> None:
    resize = card("resize", {SAVED: SAVED}, parameter("height", type="integer", bounds=(8, 64), is_required=True))

    _, (left,) = space_of([resize], [], start=SAVED, final_formats=FINAL, max_steps=1)

    assert left.reason == "only you know its height; name resize(height=…)"


@pytest.mark.parametrize(
    ("recipe", "why"),
    [("zip", "zip takes no h5"), ("prune(sparsity=0.7)", "a knob is turned"), ("lite -> lite", "lite takes no tflite")],
)
def test_a_recipe_outside_the_space_has_no_choices(recipe: str, why: str) -> None:
    assert choices_of(space(), Recipe.parse(recipe)) is None, why


@pytest.mark.parametrize(
    ("asked", "knob"),
    [
        (parameter("x", default=0.5, bounds=(0, 1)), Range("x", 0, 1, 0.5)),
        (parameter("x", default=1e-3, bounds=(1e-6, 1)), Range("x", 1e-4, 1e-2, 1e-3, is_log=True)),
        (
            parameter("x", default=128, type="integer", bounds=(1, 10_000)),
            Range("x", 13, 1280, 128, is_whole=True, is_log=True),
        ),
        (parameter("x", default=4, type="integer", bounds=(1, None)), Range("x", 1, 40, 4, is_whole=True, is_log=True)),
        (parameter("x", default=16, type="integer", bounds=(2, 64)), Range("x", 2, 64, 16, is_whole=True)),
        (parameter("x", bounds=(1, 1000)), None),
        (parameter("x", default=0, bounds=(-1, 1)), Range("x", -1, 1, 0)),
        (parameter("x", default=-3, bounds=(None, 0)), None),
        (parameter("x", type="string", default="a"), None),
        (parameter("x", type="boolean", default=True, choices=(False, True)), Choice("x", (False, True), True)),
    ],
)
def test_a_parameter_is_drawn_by_its_range(asked: Any, knob: Any) -> None:
    assert knob_of(asked) == knob


@given(st.floats(1e-9, 1e9), st.floats(1e-9, 1e9), st.floats(1e-12, 1e12))
def test_a_tidy_number_stays_in_its_range(one: float, other: float, number: float) -> None:
    lower, upper = sorted((one, other))

    assert lower <= Range("x", lower, upper, lower).tidy(number) <= upper


@given(
    st.tuples(*[st.floats(0, 1e6)] * 3).map(sorted).filter(lambda ends: ends[0] < ends[1] < ends[2]),
    st.booleans(),
    st.booleans(),
)
@example(numbers=[0.0, 5e-324, 1.0], is_lower_open=False, is_upper_open=False)
def test_a_range_holds_its_default_and_keeps_within_its_bounds(
    numbers: list[float], is_lower_open: bool, is_upper_open: bool
) -> None:
    lower, default, upper = numbers
    bounds = Bounds(lower=lower, upper=upper, is_lower_open=is_lower_open, is_upper_open=is_upper_open)

    knob = knob_of(parameter("x", default=default).model_copy(update={"bounds": bounds}))

    assert isinstance(knob, Range)
    assert lower <= knob.lower <= default <= knob.upper <= upper


def test_open_ends_are_out() -> None:
    asked = parameter("x", default=0.5, bounds=(0, 1))
    assert asked.bounds is not None
    opened = asked.bounds.model_copy(update={"is_lower_open": True, "is_upper_open": True})

    knob = knob_of(asked.model_copy(update={"bounds": opened}))

    assert isinstance(knob, Range)
    assert 0 < knob.lower < knob.upper < 1


def test_formats_reach_further_with_more_steps() -> None:
    options = [len(space(max_steps=steps, final_formats=frozenset({CODED})).options(0, H5)) for steps in (1, 2, 3)]

    assert options == sorted(options)
    assert all(fewer < more for fewer, more in pairwise(options))


def test_a_technique_of_another_format_is_no_option() -> None:
    assert ZIP.name not in space().options(0, H5)
    assert space(start=ONNX).options(0, ONNX) == ()
