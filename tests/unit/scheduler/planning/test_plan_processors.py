"""Quality in integers is that of the class of processor that is timed, and artifacts are made to be right there."""

import pytest

from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import offered
from optfarm_tasks.schema.spec import Convert, Kind
from tests.unit.planning import data, device, planned

AVX2 = ("avx2", "ssse3")
VNNI = ("avx2", "avx512_vnni", "avx512f", "ssse3")
OLD, NEW, TWIN = device("old.cpu", sets=AVX2), device("new.cpu", sets=VNNI), device("twin.cpu", sets=VNNI)


def of(made: Plan, kind: Kind, label: str) -> list[TaskPlan]:
    return [task for task in made.tasks if task.kind is kind and task.label == label]


def test_integers_are_scored_once_for_each_class_of_processors() -> None:
    made = planned("onnx-int8", alive=(OLD, NEW, TWIN), given=data("test", "calibration"))

    scored = of(made, Kind.EVALUATE, "onnx-int8")

    assert [task.identity for task in scored] == ["avx2+avx512_vnni+avx512f+ssse3", "avx2+ssse3"]
    assert [[each.name for each in (OLD, NEW, TWIN) if offered(each, task.needs)] for task in scored] == [
        ["new.cpu", "twin.cpu"],
        ["old.cpu"],
    ]


@pytest.mark.parametrize("recipe", ["onnx", "tflite-int8"])
def test_what_depends_on_no_processor_is_scored_once_anywhere(recipe: str) -> None:
    made = planned(recipe, alive=(OLD, NEW), given=data("test", "calibration"))

    (scored,) = of(made, Kind.EVALUATE, recipe)

    assert (scored.identity, dict(scored.needs.instruction_sets)) == (None, {})


def test_the_time_of_integers_belongs_to_a_class_too() -> None:
    made, alike = (
        planned("onnx-int8", alive=(each,), given=data("calibration")) for each in (NEW, device("new.cpu", sets=AVX2))
    )

    first, other = (of(each, Kind.BENCHMARK, "onnx-int8")[0].identity for each in (made, alike))
    assert first != other
    assert of(made, Kind.BENCHMARK, "baseline")[0].identity == of(alike, Kind.BENCHMARK, "baseline")[0].identity


def test_a_device_that_does_not_say_is_scored_as_before() -> None:
    made = planned("onnx-int8", alive=(device("alpha.cpu"),), given=data("test", "calibration"))

    (scored,) = of(made, Kind.EVALUATE, "onnx-int8")
    assert scored.identity is None


@pytest.mark.parametrize(
    ("alive", "asked", "made_as"),
    [
        ((NEW,), "openvino-int8", "openvino-int8"),
        ((OLD, NEW), "openvino-int8", "openvino-int8(overflow_fix=all)"),
        ((OLD,), "openvino-int8(preset=mixed)", "openvino-int8(overflow_fix=all, preset=mixed)"),
        ((OLD,), "openvino-int8(overflow_fix=none)", "openvino-int8(overflow_fix=none)"),
    ],
)
def test_an_artifact_is_kept_right_where_kernels_overflow(alive: tuple, asked: str, made_as: str) -> None:
    made = planned(asked, alive=alive, given=data("calibration"))

    (task,) = of(made, Kind.CONVERT, asked)

    assert isinstance(task.action, Convert)
    assert (str(task.recipe), str(task.action.recipe)) == (asked, made_as)
    assert [each for each in made.warnings if "is made as" in each] == (
        [] if made_as == asked else [f"{asked} is made as {made_as}, because integer kernels overflow on old.cpu"]
    )
