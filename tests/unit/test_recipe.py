"""A recipe reads the way people write it, and prints so that it reads again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.recipe import Recipe, Step

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
KEYS = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
VALUES = st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
STEPS = st.builds(Step, technique=NAMES, params=st.dictionaries(KEYS, VALUES, max_size=3))


def test_steps_run_in_the_order_in_which_they_are_written() -> None:
    recipe = Recipe.parse(" prune(sparsity=0.8, structured=true) ->tflite-int8 ")

    assert [step.technique for step in recipe.steps] == ["prune", "tflite-int8"]
    assert recipe.steps[0].params == {"sparsity": 0.8, "structured": True}
    assert str(recipe) == "prune(sparsity=0.8, structured=true) -> tflite-int8"


def test_values_have_the_types_that_they_look_like() -> None:
    (step,) = Recipe.parse("any(a=1, b=1.5, c=yes, d=word)").steps

    assert step.params == {"a": 1, "b": 1.5, "c": True, "d": "word"}


@given(st.lists(STEPS, min_size=1, max_size=3))
def test_what_a_recipe_prints_reads_as_the_same_recipe(steps: list[Step]) -> None:
    recipe = Recipe(steps=tuple(steps))

    assert Recipe.parse(str(recipe)) == recipe


def test_on_the_wire_a_recipe_is_its_text() -> None:
    recipe = Recipe.parse("tflite-int8(calibration_samples=64)")

    assert recipe.model_dump_json() == '"tflite-int8(calibration_samples=64)"'
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


@pytest.mark.parametrize("text", ["", "->", "a ->", "A", "a(b)", "a(b=1", "a(b=[1])", "a(1b=2)", "a b", "a(b=)"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(BadParameter, match="is no "):
        Recipe.parse(text)
    with pytest.raises(ValidationError, match="is no "):
        Recipe.model_validate(text)
