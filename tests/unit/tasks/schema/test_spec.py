"""A task's key is the content address of its result."""

import pytest
from pydantic import ValidationError

from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import (
    Benchmark,
    Convert,
    Effort,
    Evaluate,
    Limits,
    Role,
    Scenario,
    Task,
    Trace,
    task_key,
)
from optfarm_tasks.schema.tree import Tree

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
        key(Benchmark(effort=Effort.QUICK)),
        task_key(CONVERT, {Role.MODEL: "1" * 64}, toolchain=VERSIONS, device=None),
    }

    assert len(keys) == 8


def test_a_measurement_without_a_scenario_keeps_the_key_that_it_always_had() -> None:
    written = Benchmark().model_dump(mode="json")
    quick_server = Benchmark(scenario=Scenario.SERVER, latency_limit_ms=5, effort=Effort.QUICK)
    place = {"toolchain": {"x": "1"}, "device": "alpha.cpu:0"}

    assert written == {"kind": "benchmark", "effort": "full", "threads": 1, "batch_size": 1, "seed": 0}
    # Both digests were taken while the fields were still called profile and bound_ms.
    assert task_key(Benchmark(), {Role.MODEL: "1" * 64}, **place) == (
        "256a622aa6ef4689a4ee6af23889b349ac2614352bdebb651df760e67516b2d6"
    )
    assert task_key(quick_server, {Role.MODEL: "1" * 64}, **place) == (
        "b95232c309c111423b608ec900865c49ac2ee165235e0d86e3d5d06af22c0308"
    )
    assert key(Benchmark(scenario=Scenario.OFFLINE)) != key(Benchmark())
    assert key(Benchmark(scenario=Scenario.SERVER, latency_limit_ms=5)) != key(
        Benchmark(scenario=Scenario.SERVER, latency_limit_ms=6)
    )


@pytest.mark.parametrize(
    ("plain", "digest"),
    [
        (Evaluate(), "640d9bd316cad0cbc0d0f2f955a7ceb7a132103d52feda4592f2838a7d01bdde"),
        (Trace(), "e1d027243db1f23f0d0a26bd1b093169428640d22fe6566b585362689c7e7c31"),
    ],
)
def test_a_wanted_runtime_changes_the_key_and_its_absence_does_not(plain: Evaluate | Trace, digest: str) -> None:
    place = {"toolchain": {"x": "1"}, "device": "alpha.cpu:0"}
    wanting = plain.model_copy(update={"runtime": "litert"})

    # The digests were taken before a runtime could be asked for.
    assert task_key(plain, {Role.MODEL: "1" * 64}, **place) == digest
    assert task_key(wanting, {Role.MODEL: "1" * 64}, **place) != digest
    assert type(plain).model_validate_json(wanting.model_dump_json()) == wanting


def test_a_task_on_the_cpu_is_written_as_it_always_was() -> None:
    on_gpu = Task(action=Evaluate(), inputs={}, device=DeviceSpec(kind=DeviceKind.GPU, index=1))

    assert "device" not in Task(action=Evaluate(), inputs={}).model_dump()
    assert Task.model_validate_json(on_gpu.model_dump_json()) == on_gpu


def test_a_scenario_survives_the_wire() -> None:
    server = Benchmark(scenario=Scenario.SERVER, latency_limit_ms=5, threads="auto")

    assert Benchmark.model_validate_json(server.model_dump_json()) == server


def test_a_task_survives_the_wire() -> None:
    task = Task(action=CONVERT, inputs={Role.MODEL: Tree(files=())}, limits=Limits(timeout_s=5))

    assert Task.model_validate_json(task.model_dump_json()) == task


@pytest.mark.parametrize("change", ['"schema_version":2', '"surprise":1'])
def test_an_unknown_schema_or_field_is_refused(change: str) -> None:
    text = Task(action=CONVERT, inputs={}).model_dump_json().replace('"schema_version":1', change)

    with pytest.raises(ValidationError):
        Task.model_validate_json(text)
