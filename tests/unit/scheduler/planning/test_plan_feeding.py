"""How a model is called is known to each task of a sweep, and part of its key."""

from optfarm_tasks.schema.feeding import Feeding
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Benchmark, Convert, Evaluate, Kind, task_key
from tests.unit.planning import data, model, planned


def test_how_a_model_is_called_reaches_every_task_and_its_key() -> None:
    feeding = Feeding(constants={"training": False}, batch_axes={"x": 1})
    plain = model()
    fed = plain.model_copy(update={"description": plain.description.model_copy(update={"feeding": feeding})})

    made = {task.kind: task.action for task in planned("tflite-float32", on=fed, given=data("test")).tasks}

    assert made[Kind.CONVERT] == Convert(recipe=Recipe.parse("tflite-float32"), feeding=feeding)
    assert made[Kind.EVALUATE] == Evaluate(batch_axes={"x": 1})
    assert made[Kind.BENCHMARK] == Benchmark(batch_axes={"x": 1})
    keys = {
        task_key(action, {}, toolchain={}, device=None)
        for action in (made[Kind.CONVERT], Convert(recipe=Recipe.parse("tflite-float32")))
    }
    assert len(keys) == 2
