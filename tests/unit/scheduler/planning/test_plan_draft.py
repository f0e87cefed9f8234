"""What a sweep would do: every recipe that cannot run is told with its reason, and nothing is refused for it."""

import pytest

from optfarm_scheduler.errors import Refused
from optfarm_scheduler.planning.plan import Plan, draft
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.sweep import SweepSpec
from tests.unit.planning import device, model, planned


def drafted(*recipes: str, **more: object) -> Plan:
    spec = SweepSpec.model_validate({"model": "m", "recipes": recipes} | more)
    return draft(spec, sweep_id="abc", model=model(), data=None, alive=(device("alpha.cpu"),))


def reasons(made: Plan) -> dict[str, str]:
    return {str(each.recipe): each.reason for each in made.skipped}


def test_a_draft_is_the_plan_where_everything_runs() -> None:
    assert drafted("tflite-float32", "tflite-float16") == planned("tflite-float32", "tflite-float16")


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("no-such", "there is no technique 'no-such'"),
        ("tflite-float32(speed=3)", "there is no parameter 'speed'"),
        ("tflite-int8(calibration_samples=0)", "calibration_samples is 0; it takes [1, 10000]"),
        ("tflite-int8", "it needs calibration data"),
        ("tflite-float32 -> tflite-float16", "what reaches it is tflite"),
    ],
)
def test_a_recipe_that_cannot_run_is_skipped_beside_one_that_can(recipe: str, reason: str) -> None:
    made = drafted(recipe, "tflite-float16")

    assert reason in reasons(made)[str(Recipe.parse(recipe))]
    assert "tflite-float16" in {task.label for task in made.tasks}


def test_a_draft_of_nothing_that_runs_is_no_error() -> None:
    made = drafted("no-such")

    assert {task.label for task in made.tasks} == {"baseline"}
    assert set(reasons(made)) == {"no-such"}


def test_a_sweep_of_the_same_is_refused() -> None:
    with pytest.raises(Refused, match="there is no technique 'no-such'"):
        planned("no-such", "tflite-float16")


def test_a_selector_that_is_wrong_is_refused() -> None:
    with pytest.raises(BadParameter, match="matches nothing"):
        drafted("tflite-float16", devices=["host=nobody"])


def test_a_technique_that_lacks_a_parameter_is_skipped_with_what_to_write() -> None:
    made = planned("resize-input", "tflite-float16")

    assert reasons(made)["resize-input"].startswith("it needs height and width")
    assert "resize-input(height=…, width=…)" in reasons(made)["resize-input"]


def test_alone_it_is_refused_for_the_same_reason() -> None:
    with pytest.raises(Refused, match=r"nothing of this can run\. resize-input: it needs height and width"):
        planned("resize-input")
