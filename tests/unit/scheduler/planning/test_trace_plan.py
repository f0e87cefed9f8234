"""What a request to observe ops becomes: one task on one device, and before it what makes the artifact."""

import pytest

from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.task_plan import identity
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.planning.trace_plan import Artifact, plan_trace
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadData, BadParameter
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Role, Trace
from optfarm_tasks.schema.sweep import SweepSpec, Tracing
from tests.unit.planning import data, device, model, shown

ARTIFACT = Artifact(Source(Origin.TASK, "0123456789ab-004"), Recipe.parse("tflite-int8"), Format.TFLITE)


def planned(
    recipe: str = "baseline",
    *,
    alive: tuple[Inventory, ...] = (),
    on: Model | None = None,
    given: Data | None = None,
    artifact: Artifact | None = None,
    **more: object,
) -> Plan:
    recipes = (Recipe.parse(recipe),)
    spec = SweepSpec.model_validate({"model": "m", "recipes": recipes, "trace": Tracing(runs=7)} | more)
    there = alive or (device("alpha.cpu"),)
    return plan_trace(
        spec, Tracing(runs=7), sweep_id="abc", model=on or model(), data=given, alive=there, artifact=artifact
    )


def test_a_model_that_runs_as_it_is_takes_one_task() -> None:
    made = planned(threads=[2], batch_sizes=[4], seed=9)

    (task,) = made.tasks
    assert task.action == Trace(threads=2, batch_size=4, seed=9, runs=7)
    assert task.inputs == {Role.MODEL: Source(Origin.MODEL, model().digest)}
    assert (task.id, task.pinned_to, task.identity) == ("abc-001", "alpha.cpu", identity(device("alpha.cpu"), Needs()))
    assert task.depends_on == ()
    assert task.needs.runtimes == ("tensorflow",)
    assert task.needs.versions["tensorflow-cpu"] == "2.21.0"


@pytest.mark.parametrize("kind", [Format.KERAS, Format.H5])
def test_a_keras_model_is_exported_first(kind: Format) -> None:
    export, task = planned(on=model(kind)).tasks

    assert shown((export, task)) == ["convert baseline @-", "profile baseline @alpha.cpu"]
    assert task.inputs == {Role.MODEL: Source(Origin.TASK, export.id)}
    assert task.depends_on == (export.id,)


def test_a_recipe_is_followed_first() -> None:
    conversion, task = planned("tflite-float16").tasks

    assert shown((conversion, task)) == ["convert tflite-float16 @-", "profile tflite-float16 @alpha.cpu"]
    assert task.needs.runtimes == ("litert",)


def test_an_artifact_of_another_sweep_is_there_already() -> None:
    (task,) = planned("tflite-int8", artifact=ARTIFACT).tasks

    assert (task.inputs, task.depends_on) == ({Role.MODEL: ARTIFACT.source}, ())
    assert (task.label, task.needs.runtimes) == ("tflite-int8", ("litert",))


def test_a_wanted_runtime_observes_or_is_refused() -> None:
    action = planned("tflite-float16", runtime="litert").tasks[-1].action

    assert isinstance(action, Trace)
    assert action.runtime == "litert"
    with pytest.raises(BadParameter, match="the runtime litert does not run saved_model"):
        planned(runtime="litert")


def test_a_data_set_feeds_the_model_if_it_has_a_test_split() -> None:
    assert planned(given=data("test")).tasks[0].inputs[Role.DATA] == Source(Origin.DATA, data("test").digest)
    assert Role.DATA not in planned(given=data("calibration")).tasks[0].inputs
    with pytest.raises(BadData, match=r"float32\[7\]"):
        planned(given=data("test", size=7))


def test_a_selector_has_to_leave_one_device() -> None:
    there = (device("alpha.cpu"), device("beta.cpu"))

    with pytest.raises(BadParameter, match=r"one device, and 2 are meant; name one: alpha.cpu \(Xeon\), beta.cpu"):
        planned(alive=there)
    assert planned(alive=there, devices=["beta.cpu"]).tasks[0].pinned_to == "beta.cpu"
    with pytest.raises(BadParameter, match="'gamma' matches nothing"):
        planned(alive=there, devices=["gamma"])


def test_a_farm_without_devices_refuses() -> None:
    spec = SweepSpec(model="m", recipes=(Recipe.parse("baseline"),))

    with pytest.raises(BadParameter, match="no device is alive"):
        plan_trace(spec, Tracing(), sweep_id="abc", model=model(), data=None, alive=())


def test_a_runtime_whose_ops_cannot_be_observed_is_refused() -> None:
    with pytest.raises(BadParameter, match="the runtime coded cannot be observed"):
        planned(
            artifact=Artifact(Source(Origin.TASK, "0123456789ab-004"), Recipe.parse("deep-compression"), Format.CODED)
        )


def test_a_device_without_the_runtime_is_refused() -> None:
    with pytest.raises(BadParameter, match="no runtime tensorflow on alpha"):
        planned(alive=(device("alpha.cpu", runtime="tensorflow"),))


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"threads": [1, 2]}, "one number of threads, and 2 are given"),
        ({"batch_sizes": [1, 2]}, "one batch size, and 2 are given"),
        ({"threads": [8]}, "threads=8, but alpha.cpu has 4 cores"),
        ({"recipes": [Recipe.parse("baseline"), Recipe.parse("tflite-int8")]}, "one recipe, and 2 are given"),
    ],
)
def test_numbers_that_do_not_fit_are_told(more: dict[str, object], told: str) -> None:
    with pytest.raises(BadParameter, match=told):
        planned(**more)
