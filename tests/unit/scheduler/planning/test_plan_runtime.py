"""A runtime that is asked for is part of what is done; where it does not fit, a sweep says so before it starts."""

import pytest

from optfarm_scheduler.errors import Refused
from optfarm_scheduler.planning.plan import Plan
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.spec import Benchmark, Evaluate
from tests.unit.planning import data, model, planned


def wished(made: Plan) -> dict[str, set[str | None]]:
    """Recipe → the runtimes that its tasks ask for."""
    found: dict[str, set[str | None]] = {}
    for task in made.tasks:
        if isinstance(task.action, Benchmark | Evaluate):
            found.setdefault(str(task.recipe), set()).add(task.action.runtime)
    return found


def test_without_a_wish_the_format_decides() -> None:
    assert wished(planned("tflite-float32", given=data("test"))) == {"baseline": {None}, "tflite-float32": {None}}


def test_a_wish_reaches_every_task_that_runs_the_artifact() -> None:
    made = planned("tflite-float16", given=data("test"), on=model(Format.SAVED_MODEL), runtime="litert")

    assert wished(made)["tflite-float16"] == {"litert"}
    assert made.tasks[-1].needs.runtimes == ("litert", "tensorflow")


def test_a_baseline_that_the_wanted_runtime_does_not_run_is_compared_with_all_the_same() -> None:
    made = planned("tflite-float16", runtime="litert")

    assert wished(made)["baseline"] == {None}
    assert made.warnings == ("the baseline is saved_model, which litert does not run; it runs on tensorflow",)


def test_a_baseline_that_the_wanted_runtime_runs_runs_on_it() -> None:
    assert wished(planned("baseline", on=model(Format.TFLITE), runtime="litert")) == {"baseline": {"litert"}}


def test_an_artifact_that_the_wanted_runtime_does_not_run_is_skipped_with_the_reason() -> None:
    made = planned("tflite-float16", "freeze", runtime="litert")

    assert [(str(each.recipe), each.reason) for each in made.skipped] == [
        ("freeze", "the runtime litert does not run saved_model on a cpu; tensorflow does")
    ]


def test_a_sweep_of_which_the_wanted_runtime_runs_nothing_is_refused() -> None:
    with pytest.raises(Refused, match="the runtime openvino does not run saved_model"):
        planned("freeze", runtime="openvino")


def test_a_runtime_that_there_is_not_is_refused() -> None:
    with pytest.raises(BadParameter, match="there is no runtime 'xyzzy'; there are coded, litert"):
        planned("freeze", runtime="xyzzy")
