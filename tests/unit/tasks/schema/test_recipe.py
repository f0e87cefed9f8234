"""A recipe reads the way people write it, and prints so that it reads again."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.recipe import Recipe, Step

NAMES = st.from_regex(r"[a-z0-9][a-z0-9-]{0,20}", fullmatch=True)
KEYS = st.from_regex(r"[a-z_][a-z0-9_]{0,10}", fullmatch=True)
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
SIGNS = st.text("a1 .*^$|[](){}\\,'\"=->#:&!%@?\n~é", max_size=8)
VALUES = st.booleans() | NUMBERS | SIGNS
STEPS = st.builds(Step, technique=NAMES, params=st.dictionaries(KEYS, VALUES, max_size=3))


def test_steps_run_in_the_order_in_which_they_are_written() -> None:
    recipe = Recipe.parse(" prune(sparsity=0.8, structured=true) ->tflite-int8 ")

    assert [step.technique for step in recipe.steps] == ["prune", "tflite-int8"]
    assert recipe.steps[0].params == {"sparsity": 0.8, "structured": True}
    assert str(recipe) == "prune(sparsity=0.8, structured=true) -> tflite-int8"


def test_values_have_the_types_that_they_look_like() -> None:
    (step,) = Recipe.parse("any(a=1, b=1.5, c=yes, d=word)").steps

    assert step.params == {"a": 1, "b": 1.5, "c": True, "d": "word"}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("any(a=NonMaxSuppression|TopK.*)", "NonMaxSuppression|TopK.*"),
        ("any(a=(Conv|MatMul)$)", "(Conv|MatMul)$"),
        (r"any(a='[a-z]{1,3}\d->')", r"[a-z]{1,3}\d->"),
        ("any(a='it''s')", "it's"),
        ('any(a="x, y")', "x, y"),
    ],
)
def test_text_with_signs_is_a_value_in_quotes_where_it_would_separate(text: str, value: str) -> None:
    recipe = Recipe.parse(f"{text} -> baseline")

    assert recipe.steps[0].params == {"a": value}
    assert str(recipe) == f"{text} -> baseline".replace('"', "'")


@pytest.mark.parametrize("value", ["[a-z]+", "*a", "{x}", "a: b", "&x"])
def test_text_that_yaml_reads_otherwise_is_refused_with_the_quotes_that_it_needs(value: str) -> None:
    with pytest.raises(BadParameter, match=re.escape(f"put text that has signs in quotes: a='{value}'")):
        Recipe.parse(f"any(a={value})")


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
