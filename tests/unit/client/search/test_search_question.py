"""What a search may be asked for."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from optfarm.errors import BadRequest
from optfarm.search.question import Budget, question
from optfarm.sweep_settings import settings_of


def test_forty_trials_unless_told_otherwise() -> None:
    assert question(settings_of({"model": "m"})).budget == Budget(40, None)
    assert question(settings_of({"model": "m"}), minutes=5).budget == Budget(None, 5)
    assert question(settings_of({"model": "m"}), trials=7, minutes=5).budget == Budget(7, 5)


def test_single_steps_narrow_the_choice_and_longer_recipes_come_first() -> None:
    asked = question(
        settings_of({"model": "m", "recipes": ["prune(epochs=1)", "prune -> lite", "lite", "baseline", "lite"]})
    )

    assert [str(step) for step in asked.steps] == ["prune(epochs=1)", "lite"]
    assert [str(recipe) for recipe in asked.first] == ["prune -> lite"]


def test_all_is_no_technique() -> None:
    asked = question(settings_of({"model": "m", "recipes": ["all"]}))

    assert asked.steps == asked.first == ()


@pytest.mark.parametrize(
    ("settings", "asked", "why"),
    [
        ({}, {"trials": 0}, "0 trials"),
        ({}, {"minutes": 0}, "0 minutes"),
        ({}, {"minutes": -1.0}, "-1 minutes"),
        ({}, {"minutes": float("nan")}, "nan minutes"),
        ({}, {"max_steps": 0}, "0 steps"),
        ({}, {"max_steps": 99}, "99 steps"),
        ({}, {"sampler": "luck"}, "'luck'; there are tpe, nsga2"),
        ({"threads": [1, 2]}, {}, "one number of threads"),
        ({"batch_sizes": ["auto"]}, {}, "belong to a plain sweep"),
        ({"scenario": "Offline", "batch_sizes": [1]}, {}, "belong to a plain sweep"),
        ({"recipes": ["prune("]}, {}, "no step of a recipe"),
        ({"speed": 3}, {}, "speed"),
    ],
)
def test_what_cannot_be_searched_for_is_refused(settings: dict[str, Any], asked: dict[str, Any], why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        question(settings_of({"model": "m", **settings}), **asked)


@given(st.integers(1, 50), st.integers(0, 60), st.integers(1, 8))
def test_a_budget_of_trials_is_never_passed(trials: int, tried: int, at_once: int) -> None:
    left = Budget(trials, None).left(tried, 1e9, at_once=at_once)

    assert 0 <= left <= at_once
    assert tried + left <= max(trials, tried)
    assert (left == 0) == (tried >= trials)


@given(st.floats(0.1, 100), st.floats(0, 1e5))
def test_a_budget_of_minutes_ends_by_the_clock(minutes: float, elapsed_s: float) -> None:
    assert Budget(None, minutes).left(1000, elapsed_s, at_once=4) == (4 if elapsed_s < minutes * 60 else 0)
