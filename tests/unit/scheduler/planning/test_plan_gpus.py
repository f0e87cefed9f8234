"""What is timed on GPUs is scored there too, and what is made for GPUs goes nowhere else."""

import pytest

from optfarm_scheduler.errors import Refused
from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_tasks.description import Format
from optfarm_tasks.schema.spec import Kind
from tests.unit.planning import VERSIONS, data, device, model, planned

CUDA = VERSIONS | {"torch": "2.13.0", "onnxruntime-gpu": "1.31.1"}
CPU = device("alpha.cpu", versions=CUDA)
GPU = device("alpha.gpu-0", versions=CUDA, gpu=("NVIDIA L4", 8.9))


def scored(made: Plan) -> dict[str, TaskPlan]:
    return {str(task.recipe): task for task in made.tasks if task.kind is Kind.EVALUATE}


def timed(made: Plan) -> list[tuple[str, str | None]]:
    return [(str(task.recipe), task.pinned_to) for task in made.tasks if task.kind is Kind.BENCHMARK]


@pytest.mark.parametrize("recipe", ["torch-tf32", "torch-cuda-graph", "torch-float16 -> torch-cuda-graph"])
def test_what_is_made_for_gpus_is_scored_and_timed_on_them_alone(recipe: str) -> None:
    made = planned(recipe, "torch-compile", alive=(CPU, GPU), on=model(Format.PT2), given=data("test"))

    of_recipe = [task for task in made.tasks if str(task.recipe) == recipe]
    assert all(task.needs.gpu for task in of_recipe if task.kind is not Kind.BENCHMARK)
    assert timed(made) == [
        *(("baseline", name) for name in (CPU.name, GPU.name)),
        (recipe, GPU.name),
        *(("torch-compile", name) for name in (CPU.name, GPU.name)),
    ]
    assert not scored(made)["torch-compile"].needs.gpu
    assert [(str(each.recipe), each.device, each.reason) for each in made.skipped] == [
        (recipe, CPU.name, "what it makes runs on GPUs, and the device is a cpu")
    ]


def test_a_sweep_over_gpus_alone_is_scored_on_them() -> None:
    made = planned("torch-float16", alive=(CPU, GPU), devices=("gpu",), on=model(Format.PT2), given=data("test"))

    assert {recipe: task.needs.gpu for recipe, task in scored(made).items()} == {
        "baseline": True,
        "torch-float16": True,
    }
    assert timed(made) == [("baseline", GPU.name), ("torch-float16", GPU.name)]


@pytest.mark.parametrize("devices", ["gpu", "all"])
def test_a_runtime_for_gpus_alone_can_be_asked_for(devices: str) -> None:
    made = planned(
        "onnx-float16", alive=(CPU, GPU), devices=(devices,), on=model(Format.ONNX), given=data("test"),
        runtime="onnxruntime-tensorrt",
    )  # fmt: skip

    assert timed(made) == [("baseline", GPU.name), ("onnx-float16", GPU.name)]
    assert made.warnings == ()
    assert all(task.needs.gpu for task in scored(made).values())


def test_on_a_farm_of_processors_it_is_refused_with_the_reason() -> None:
    with pytest.raises(Refused, match="the runtime onnxruntime-tensorrt does not run onnx on a cpu"):
        planned("onnx-float16", alive=(CPU,), on=model(Format.ONNX), runtime="onnxruntime-tensorrt")
    made = planned("torch-tf32", "torch-compile", alive=(CPU,), on=model(Format.PT2))
    assert [(str(each.recipe), each.reason) for each in made.skipped] == [
        ("torch-tf32", "what it makes runs on GPUs, and the device is a cpu")
    ]
