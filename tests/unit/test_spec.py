"""A task's key is the content address of its result."""

import pytest
from pydantic import ValidationError

from optfarm_tasks.recipe import Recipe
from optfarm_tasks.spec import Benchmark, Convert, Limits, Profile, Role, Scenario, Task, task_key
from optfarm_tasks.tree import Tree

MODEL = {Role.MODEL: "0" * 64}
CONVERT = Convert(recipe=Recipe.parse("tflite-int8"))
VERSIONS = {"tensorflow-cpu": "2.21.0"}


def key(action: Convert | Benchmark = CONVERT, versions: dict[str, str] = VERSIONS, device: str | None = None) -> str:
    return task_key(action, MODEL, toolchain=versions, device=device)


def test_equal_work_has_equal_keys() -> None:
    written_otherwise = Convert(recipe=Recipe.parse("  tflite-int8() "))

    assert key() == key(written_otherwise)


def test_whatever_shapes_the_result_changes_the_key() -> None:
    keys = {
        key(),
        key(Convert(recipe=Recipe.parse("tflite-int8(calibration_samples=64)"))),
        key(Convert(recipe=Recipe.parse("tflite-int8"), seed=1)),
        key(versions={"tensorflow-cpu": "2.22.0"}),
        key(device="alpha.cpu"),
        key(Benchmark()),
        key(Benchmark(profile=Profile.QUICK)),
        task_key(CONVERT, {Role.MODEL: "1" * 64}, toolchain=VERSIONS, device=None),
    }

    assert len(keys) == 8


def test_a_measurement_without_a_scenario_keeps_the_key_that_it_always_had() -> None:
    written = Benchmark().model_dump(mode="json")

    assert written == {"kind": "benchmark", "profile": "full", "threads": 1, "batch_size": 1, "seed": 0}
    assert key(Benchmark(scenario=Scenario.OFFLINE)) != key(Benchmark())
    assert key(Benchmark(scenario=Scenario.SERVER, bound_ms=5)) != key(Benchmark(scenario=Scenario.SERVER, bound_ms=6))


def test_a_scenario_survives_the_wire() -> None:
    server = Benchmark(scenario=Scenario.SERVER, bound_ms=5, threads="auto")

    assert Benchmark.model_validate_json(server.model_dump_json()) == server


def test_a_task_survives_the_wire() -> None:
    task = Task(action=CONVERT, inputs={Role.MODEL: Tree(files=())}, limits=Limits(timeout_s=5))

    assert Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize("change", ['"schema_version":2', '"surprise":1'])
def test_an_unknown_schema_or_field_is_refused(change: str) -> None:
    text = Task(action=CONVERT, inputs={}).model_dump_json().replace('"schema_version":1', change)

    with pytest.raises(ValidationError):
        Task.model_validate_json(text)
