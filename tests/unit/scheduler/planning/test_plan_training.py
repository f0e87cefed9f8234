"""Techniques that train are given what they learn from and the memory they need, or are skipped with the reason."""

import pytest

from optfarm_scheduler.planning.plan import Plan
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.toolchains import Needs, offered
from optfarm_tasks.data_sets.data import training_split
from optfarm_tasks.description import Format
from optfarm_tasks.resolved import resolve
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Kind, Limits, Role
from tests.unit.planning import data, device, model, planned

NEED_BYTES = resolve(Recipe.parse("prune"), Format.H5, model_bytes=1).memory_bytes


def small(name: str, memory_bytes: int) -> Inventory:
    made = device(name)
    return made.model_copy(update={"attributes": made.attributes | {"memory_bytes": memory_bytes}})


def reasons(made: Plan) -> list[str]:
    return [each.reason for each in made.skipped]


@pytest.mark.parametrize(
    ("splits", "split"),
    [(("calibration", "test", "train"), "train"), (("calibration", "test"), "calibration"), (("test",), None)],
)
def test_fine_tuning_prefers_the_train_split(splits: tuple[str, ...], split: str | None) -> None:
    assert training_split(splits) == split


@pytest.mark.parametrize("split", ["train", "calibration"])
def test_a_conversion_that_trains_is_given_the_data_set(split: str) -> None:
    given = data(split)

    made = planned("prune -> cluster", on=model(Format.H5), given=given)

    conversion = next(task for task in made.tasks if task.kind is Kind.CONVERT and task.label != "baseline")
    assert conversion.inputs[Role.DATA] == Source(Origin.DATA, given.digest)
    assert conversion.needs.memory_bytes == NEED_BYTES


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (None, "it fine-tunes; name a data set with a train or a calibration split"),
        (data("test"), "it fine-tunes on a train or a calibration split; d has only test"),
    ],
)
def test_without_anything_to_learn_from_it_is_skipped(given: object, reason: str) -> None:
    made = planned("prune", "tflite-float32", on=model(Format.H5), given=given)  # type: ignore[arg-type]

    assert reasons(made) == [reason]


def test_a_step_that_trains_is_refused_on_a_model_that_is_no_keras_file() -> None:
    made = planned("prune", "tflite-float32", given=data("train"))

    assert reasons(made) == ["prune takes h5, keras; what reaches it is saved_model"]


def test_a_step_that_needs_more_memory_than_the_limit_is_skipped() -> None:
    limits = Limits(memory_bytes=1 << 30)

    made = planned("prune", "tflite-float32", on=model(Format.H5), given=data("train"), limits=limits)

    assert reasons(made) == ["it needs about 2.5 GB of memory, more than the limit of 1.1 GB; raise it"]


def test_a_step_that_needs_more_memory_than_any_device_has_is_skipped() -> None:
    alive = (small("alpha.cpu", 1 << 30), small("beta.cpu", 2 << 30))

    made = planned("prune", "tflite-float32", on=model(Format.H5), given=data("train"), alive=alive)

    assert reasons(made) == ["too little memory (it needs about 2.5 GB) on alpha.cpu or beta.cpu"]


def test_memory_decides_which_device_is_offered_a_task() -> None:
    needs = Needs(memory_bytes=NEED_BYTES)

    assert offered(small("alpha.cpu", NEED_BYTES - 1), needs) is None
    assert offered(small("alpha.cpu", NEED_BYTES), needs) is not None
    assert offered(device("alpha.cpu"), needs) is not None


@pytest.mark.parametrize(("technique", "given"), [("tflite-int8", Format.SAVED_MODEL), ("prune", Format.H5)])
def test_a_model_of_strings_teaches_nothing(technique: str, given: Format) -> None:
    made = planned(technique, "tflite-float32", on=model(given, dtype="string"))

    assert reasons(made) == ["it learns from numbers, and the input x takes strings"]
