"""An engine is made for one class of GPUs and one version, and is planned, run and found again nowhere else."""

from typing import Any

import pytest

from optfarm_scheduler.planning.conversion import conversion_of
from optfarm_scheduler.planning.keys import key_of
from optfarm_scheduler.planning.planner import Planner
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import offered
from optfarm_scheduler.planning.trace_plan import plan_trace
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.resolved import resolve
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import BASELINE, Recipe
from optfarm_tasks.schema.spec import Benchmark, Convert, Kind
from optfarm_tasks.schema.sweep import SweepSpec, Tracing
from tests.unit.planning import VERSIONS, data, device, model

RTX = VERSIONS | {"onnx": "1.23.2", "onnxruntime": "1.31.1", "tensorrt_rtx_cu12": "1.7.1.116", "tensorrt": "10.16.1.11"}
NEWER = RTX | {"tensorrt_rtx_cu12": "1.8.0.1"}
L4, A10, TWIN = (
    device(name, versions=RTX, gpu=gpu)
    for name, gpu in (
        ("alpha.gpu-0", ("NVIDIA L4", 8.9)),
        ("alpha.gpu-1", ("NVIDIA A10", 8.6)),
        ("beta.gpu-0", ("NVIDIA L4", 8.9)),
    )
)
L40 = device("gamma.gpu-0", versions=RTX, gpu=("NVIDIA L40", 8.9))
CPU = device("alpha.cpu", versions=RTX)
ONNX = model(Format.ONNX)


def planner(*selected: Inventory, alive: tuple[Inventory, ...] = (), **more: Any) -> Planner:
    """A planner that has a baseline already, which runs on GPUs."""
    return Planner(
        spec=SweepSpec(model="m", recipes=(BASELINE,)),
        sweep_id="abc",
        model=ONNX,
        selected=selected,
        alive=(*alive, *selected),
        settings=(Benchmark(),),
        planned={"baseline": "abc-001"},
        baseline_format=Format.TENSORRT,
        **{"data": None} | more,
    )


def tasks(recipe: str, *selected: Inventory, **more: Any) -> list[TaskPlan]:
    made = planner(*selected, **more)
    made.add(Recipe.parse(recipe))
    return made.tasks


def conversion(recipe: str, *timed_on: Inventory, alive: tuple[Inventory, ...] = ()) -> TaskPlan:
    spec = SweepSpec(model="m", recipes=(BASELINE,))
    there = alive or timed_on
    resolved = resolve(Recipe.parse(recipe), Format.ONNX)
    return conversion_of(resolved, spec, task="abc-001", model=ONNX, data=None, alive=there, timed_on=timed_on)


def key(task: TaskPlan) -> str:
    return key_of(task.action, {}, needs=task.needs, identity=task.identity, fresh_for=None)


def made_as(task: TaskPlan) -> str:
    assert isinstance(task.action, Convert)
    return str(task.action.recipe)


def test_each_class_of_gpus_has_an_engine_of_its_own() -> None:
    made = tasks("tensorrt-rtx", L4, A10, TWIN)

    engines = [task for task in made if task.kind is Kind.CONVERT]
    timed = {task.pinned_to: task.depends_on[-1] for task in made if task.kind is Kind.BENCHMARK}
    assert [(made_as(task), task.identity) for task in engines] == [
        ("tensorrt-rtx(target=8.9)", "NVIDIA L4 8.9"),
        ("tensorrt-rtx(target=8.6)", "NVIDIA A10 8.6"),
    ]
    assert timed == {L4.name: engines[0].id, TWIN.name: engines[0].id, A10.name: engines[1].id}


def test_engines_of_two_gpus_never_share_a_key_even_of_one_compute_capability() -> None:
    ada, same, lovelace = (key(conversion("tensorrt-rtx", gpu)) for gpu in (L4, TWIN, L40))

    assert ada == same != lovelace


def test_engines_of_two_versions_never_share_a_key() -> None:
    older, newer = (device("alpha.gpu-0", versions=each, gpu=("NVIDIA L4", 8.9)) for each in (RTX, NEWER))

    assert key(conversion("tensorrt-rtx", older)) != key(conversion("tensorrt-rtx", newer))


def test_an_engine_is_run_on_its_gpus_by_its_version_alone() -> None:
    newer = device("delta.gpu-0", versions=NEWER, gpu=("NVIDIA L4", 8.9))

    measured = [task for task in tasks("tensorrt-rtx", L4) if task.kind is Kind.BENCHMARK]

    (task,) = measured
    assert task.needs.versions["tensorrt_rtx_cu12"] == "1.7.1.116"
    assert [each.name for each in (CPU, L4, A10, TWIN, L40, newer) if offered(each, task.needs)] == [L4.name, TWIN.name]


def test_an_engine_is_scored_on_its_gpus() -> None:
    made = tasks("tensorrt-rtx", L4, A10, data=data("test"), alive=(CPU,))

    scored = [task for task in made if task.kind is Kind.EVALUATE]

    assert [task.identity for task in scored] == ["NVIDIA L4 8.9", "NVIDIA A10 8.6"]
    assert [[each.name for each in (CPU, L4, A10) if offered(each, task.needs)] for task in scored] == [
        [L4.name],
        [A10.name],
    ]


def test_tensorrt_rtx_builds_anywhere_and_tensorrt_on_the_gpu_that_it_builds_for() -> None:
    there = (CPU, L4, A10)
    ahead, timed = (conversion(name, A10, alive=there) for name in ("tensorrt-rtx", "tensorrt"))

    assert [each.name for each in there if offered(each, ahead.needs)] == [CPU.name, L4.name, A10.name]
    assert [each.name for each in there if offered(each, timed.needs)] == [A10.name]


def test_a_processor_is_passed_over_with_the_reason() -> None:
    made = planner(CPU, L4)
    made.add(Recipe.parse("tensorrt-rtx"))

    (skipped,) = made.skipped
    assert (skipped.device, skipped.reason) == (CPU.name, "what it makes runs on GPUs, and the device is a cpu")
    assert {task.pinned_to for task in made.tasks} == {None, L4.name}


@pytest.mark.parametrize(
    ("recipe", "timed_on", "said"),
    [
        ("tensorrt-rtx(target=8.6)", L4, r"is for compute capability 8.6, and alpha.gpu-0 has 8.9"),
        ("tensorrt-rtx", CPU, "tensorrt-rtx is made for GPUs, and none is to run it; select one: --devices gpu"),
        ("tensorrt-rtx", device("alpha.gpu-0", versions=RTX), "does not say its compute capability|is made for GPUs"),
        (
            "tensorrt-rtx",
            device("e.gpu-0", versions=VERSIONS, gpu=("NVIDIA L4", 8.9), technique="tensorrt-rtx"),
            "no te",
        ),
    ],
)
def test_what_cannot_be_made_for_a_gpu_is_refused(recipe: str, timed_on: Inventory, said: str) -> None:
    with pytest.raises(BadParameter, match=said):
        conversion(recipe, timed_on)


def test_the_target_that_is_the_gpus_own_is_taken() -> None:
    assert made_as(conversion("tensorrt-rtx(target=8.9)", L4)) == "tensorrt-rtx(target=8.9)"


def test_what_runs_anywhere_is_made_once_for_all_gpus_and_processors() -> None:
    made = conversion("baseline", L4, A10, CPU)

    assert (made.identity, made.needs.gpu_class, made.needs.gpu) == (None, "", False)


def test_the_layers_of_an_engine_are_observed_on_its_gpu() -> None:
    spec = SweepSpec(model="m", recipes=(Recipe.parse("tensorrt-rtx-float16"),), devices=(A10.name,))

    made = plan_trace(spec, Tracing(), sweep_id="abc", model=ONNX, data=None, alive=(CPU, L4, A10))

    built, observed = made.tasks
    assert (made_as(built), built.identity) == ("tensorrt-rtx-float16(target=8.6)", "NVIDIA A10 8.6")
    assert (observed.pinned_to, observed.needs.gpu_class) == (A10.name, "NVIDIA A10 8.6")
    assert observed.needs.versions["tensorrt_rtx_cu12"] == "1.7.1.116"
