"""What a submit becomes: tasks, skipped combinations with their reasons, or a refusal that says what is wrong."""

import pytest
from pydantic import ValidationError

from optfarm_scheduler.errors import Refused
from optfarm_scheduler.planning.plan import plan
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.errors import BadData, BadParameter
from optfarm_tasks.schema.catalog import Data
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Benchmark, Kind, Role, Scenario
from optfarm_tasks.schema.sweep import SweepSpec
from tests.unit.planning import VERSIONS, data, device, model, planned, shown


def test_a_sweep_converts_evaluates_and_measures_each_recipe_and_the_baseline() -> None:
    made = planned("tflite-float32", given=data("test"))

    assert shown(made.tasks) == [
        "convert baseline @-",
        "evaluate baseline @-",
        "benchmark baseline @alpha.cpu",
        "convert tflite-float32 @-",
        "evaluate tflite-float32 @-",
        "benchmark tflite-float32 @alpha.cpu",
    ]
    assert made.skipped == made.warnings == ()


def test_tasks_name_what_they_build_on() -> None:
    baseline, twin, conversion, measured = planned("tflite-float32").tasks

    assert baseline.inputs == conversion.inputs == {Role.MODEL: Source(Origin.MODEL, model().digest)}
    assert twin.inputs == {
        Role.BASELINE: Source(Origin.TASK, baseline.id),
        Role.CANDIDATE: Source(Origin.TASK, baseline.id),
    }
    assert measured.inputs == {
        Role.BASELINE: Source(Origin.TASK, baseline.id),
        Role.CANDIDATE: Source(Origin.TASK, conversion.id),
    }
    assert (baseline.depends_on, twin.depends_on) == ((), (baseline.id,))
    assert measured.depends_on == (baseline.id, conversion.id)
    assert [task.id for task in (baseline, twin, conversion, measured)] == [f"abc-00{number}" for number in range(1, 5)]


def test_a_benchmark_is_planned_for_each_device_and_setting() -> None:
    there = (device("beta.cpu"), device("alpha.cpu"))

    made = planned("baseline", alive=there, threads=[1, 2, 1], batch_sizes=[1, 8])

    benchmarks = [task for task in made.tasks if task.kind is Kind.BENCHMARK]
    assert [task.pinned_to for task in benchmarks] == ["alpha.cpu"] * 4 + ["beta.cpu"] * 4
    assert benchmarks[1].label == "baseline [threads=1, batch=8]"
    assert benchmarks[3].action == Benchmark(threads=2, batch_size=8)


def test_the_order_of_the_devices_changes_nothing() -> None:
    there = (device("beta.cpu"), device("alpha.cpu"))

    assert planned("tflite-float32", alive=there) == planned("tflite-float32", alive=there[::-1])


def test_numbers_belong_to_a_machine_as_it_is() -> None:
    def identity(cores: int) -> str | None:
        return planned("baseline", alive=(device("alpha.cpu", cores=cores),)).tasks[-1].identity

    assert identity(4) == identity(4) != identity(8)


def test_only_versions_that_shape_a_result_are_part_of_it() -> None:
    conversion = planned("tflite-float32").tasks[2]

    assert conversion.needs.versions["tensorflow-cpu"] == "2.21.0"
    assert conversion.needs.versions["optfarm"] == "0.1.0"
    assert "pillow" not in conversion.needs.versions


def test_conversions_use_the_versions_that_most_devices_offer() -> None:
    old = VERSIONS | {"tensorflow-cpu": "2.17.0"}
    there = (device("a.cpu", versions=old), device("b.cpu", versions=old), device("c.cpu"))

    conversion = planned("tflite-float32", alive=there).tasks[4]

    assert (conversion.kind, conversion.needs.versions["tensorflow-cpu"]) == (Kind.CONVERT, "2.17.0")


def test_recipes_that_mean_the_same_run_once() -> None:
    made = planned("tflite-float32", "tflite-float32", "baseline")

    assert sum(task.kind is Kind.CONVERT for task in made.tasks) == 2
    assert made.warnings == ("tflite-float32 is the same as tflite-float32; it runs once",)


def test_calibration_is_an_input_only_where_it_is_needed() -> None:
    made = planned("tflite-int8", "tflite-float32", given=data("calibration", "test"))

    inputs = {task.label: set(task.inputs) for task in made.tasks if task.kind is Kind.CONVERT}
    assert inputs["tflite-int8"] == {Role.MODEL, Role.DATA}
    assert inputs["tflite-float32"] == {Role.MODEL}


@pytest.mark.parametrize(
    ("given", "reason"),
    [(None, "it needs calibration data; name a data set"), (data("test"), "d has only the split test")],
)
def test_an_integer_technique_without_calibration_is_skipped(given: Data | None, reason: str) -> None:
    made = planned("tflite-int8", "tflite-float32", given=given)

    (skipped,) = made.skipped
    assert (str(skipped.recipe), skipped.device) == ("tflite-int8", None)
    assert reason in skipped.reason


def test_data_without_a_test_split_is_not_scored() -> None:
    made = planned("tflite-int8", given=data("calibration"))

    assert made.warnings == ("d has no test split, so quality is not scored",)
    assert Kind.EVALUATE not in {task.kind for task in made.tasks}


def test_more_threads_than_cores_are_skipped_on_that_device() -> None:
    made = planned("tflite-float32", alive=(device("a.cpu", cores=2), device("b.cpu", cores=8)), threads=[4])

    assert {task.pinned_to for task in made.tasks if task.kind is Kind.BENCHMARK} == {"b.cpu"}
    assert {(each.device, each.reason) for each in made.skipped} == {("a.cpu", "threads=4, but the device has 2 cores")}


def test_a_device_without_the_runtime_is_skipped_with_the_reason() -> None:
    made = planned("tflite-float32", alive=(device("a.cpu", runtime="litert"), device("b.cpu")))

    (skipped,) = made.skipped
    assert (str(skipped.recipe), skipped.device, skipped.reason) == (
        "tflite-float32",
        "a.cpu",
        "no runtime litert on a.cpu",
    )


def test_a_technique_that_imports_nowhere_is_skipped_with_the_reason() -> None:
    made = planned("tflite-float32", "tflite-float16", alive=(device("a.cpu", technique="tflite-float32"),))

    assert [each.reason for each in made.skipped] == ["no technique tflite-float32 on a.cpu"]


def test_a_technique_that_does_not_take_the_format_is_skipped() -> None:
    made = planned("tflite-float32 -> tflite-int8", "tflite-float16")

    (skipped,) = made.skipped
    assert "tflite-int8 takes" in skipped.reason
    assert "what reaches it is tflite" in skipped.reason


def test_a_sweep_of_which_nothing_can_run_is_refused_with_all_reasons() -> None:
    with pytest.raises(Refused, match="nothing of this can run") as caught:
        planned("tflite-int8", "tflite-float32 -> tflite-int8")

    assert [error["recipe"] for error in caught.value.errors] == ["tflite-int8", "tflite-float32 -> tflite-int8"]


def test_every_wrong_recipe_is_told_at_once() -> None:
    with pytest.raises(Refused, match="did you mean 'tflite-int8'") as caught:
        planned("tflite-in8", "tflite-float32(colour=1)")

    assert [error["recipe"] for error in caught.value.errors] == ["tflite-in8", "tflite-float32(colour=1)"]
    assert "colour" in caught.value.errors[1]["msg"]


def test_data_that_does_not_fit_is_refused_with_both_shapes() -> None:
    with pytest.raises(BadData, match=r"float32\[\?, 4\].*float32\[7\]"):
        planned("tflite-float32", given=data("test", size=7))


def test_a_selector_that_matches_nothing_lists_what_there_is() -> None:
    with pytest.raises(BadParameter, match=r"'gpu' matches nothing; there are: alpha.cpu \(Xeon\)"):
        planned("tflite-float32", devices=["gpu"])


def test_a_farm_without_devices_refuses() -> None:
    spec = SweepSpec(model="m", recipes=(Recipe.parse("tflite-float32"),))

    with pytest.raises(BadParameter, match="no device is alive"):
        plan(spec, sweep_id="abc", model=model(), data=None, alive=())


@pytest.mark.parametrize("more", [{"threads": [0]}, {"threads": []}, {"batch_sizes": [0]}, {"batch_sizes": []}])
def test_impossible_numbers_make_no_sweep(more: dict[str, list[int]]) -> None:
    with pytest.raises(ValidationError):
        SweepSpec.model_validate({"model": "m", "recipes": ["tflite-float32"]} | more)


def test_what_fixes_the_batch_is_timed_at_it_and_it_is_said() -> None:
    made = planned("fixed-batch(batch=4)", "tflite-float32", batch_sizes=(1, 2))

    timed = {task.label: task.action.batch_size for task in made.tasks if isinstance(task.action, Benchmark)}
    assert timed == {
        "baseline [batch=1]": 1,
        "baseline [batch=2]": 2,
        "fixed-batch(batch=4) [batch=4]": 4,
        "tflite-float32 [batch=1]": 1,
        "tflite-float32 [batch=2]": 2,
    }
    assert made.warnings == ("fixed-batch(batch=4) is timed at its batch of 4, and the baseline beside it too",)


def test_the_last_step_that_fixes_the_batch_says_which_it_is() -> None:
    made = planned("fixed-batch(batch=4) -> fixed-batch(batch=4) -> tflite-float32", batch_sizes=(4,))

    assert [task.action.batch_size for task in made.tasks if isinstance(task.action, Benchmark)] == [4, 4]
    assert not made.warnings


def test_another_batch_than_the_models_own_is_refused_at_submit() -> None:
    fixed = model()
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(8, 4)),))
    described = fixed.description.model_copy(update={"signatures": (signature,)})
    fixed = fixed.model_copy(update={"description": described})

    with pytest.raises(Refused, match="batch=1, but the model has a fixed batch of 8"):
        planned("tflite-float32", on=fixed)
    assert not planned("tflite-float32", on=fixed, batch_sizes=(8,)).skipped


def test_what_is_left_to_the_farm_is_planned_once_whatever_the_model_fixes() -> None:
    made = planned("fixed-batch(batch=4)", batch_sizes=("auto",), threads=("auto", 9))

    timed = [task.action for task in made.tasks if isinstance(task.action, Benchmark)]
    assert [(action.threads, action.batch_size) for action in timed] == [("auto", "auto")] * 2
    assert not made.warnings
    assert {each.reason for each in made.skipped} == {"threads=9, but the device has 4 cores"}


def test_a_scenario_reaches_every_benchmark() -> None:
    made = planned("tflite-float32", scenario="Server", latency_limit_ms=20.0)

    timed = [task.action for task in made.tasks if isinstance(task.action, Benchmark)]
    assert [(action.scenario, action.latency_limit_ms) for action in timed] == [(Scenario.SERVER, 20)] * 2


def test_a_parameter_without_a_default_is_asked_for() -> None:
    with pytest.raises(BadParameter, match=r"it needs height and width; write resize-input\(height=…, width=…\)"):
        planned("resize-input")


def test_a_sweep_that_is_too_large_to_plan_is_refused_at_once_with_its_size() -> None:
    sizes = tuple(range(1, 301))

    with pytest.raises(
        BadParameter,
        match="2 recipes in 90000 settings of threads and batch size on 1 devices are 180000 measurements, and a sweep",
    ):
        planned("tflite-float32", threads=sizes, batch_sizes=sizes)
