"""The table of a sweep and the time that it still takes."""

from dataclasses import replace
from typing import Any

import pytest

from optfarm_scheduler.decisions.eta import Timed, eta_s
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.records import TaskDetails
from optfarm_scheduler.views.report import rows
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.spec import Benchmark, Kind, Role
from optfarm_tasks.schema.sweep import TaskState
from tests.results import a_measurement, a_result

DONE = TaskState.DONE


def record(name: str, kind: Kind, recipe: Recipe, **more: Any) -> TaskDetails:
    """A task that has just been planned, but for what is given."""
    nothing = dict.fromkeys(
        ("sweep_id", "pinned_to", "device", "key", "log", "duration_s", "queued_at", "started_at", "finished_at")
    )
    planned = {"label": str(recipe), "inputs": {}, "needs": Needs(), "depends_on": (), "attempt": 0}
    return TaskDetails(id=name, kind=kind, recipe=recipe, **nothing | planned | more)


def tasks(
    name: str, *, state: TaskState = DONE, failure: Failure | None = None, ratio: float = 2.0
) -> list[TaskDetails]:
    """A conversion, an evaluation and a benchmark of one recipe."""
    recipe, convert = Recipe.parse(name), f"{name}-convert"
    pair = {Role.BASELINE: Source(Origin.TASK, "baseline-convert"), Role.CANDIDATE: Source(Origin.TASK, convert)}
    after = DONE if state is DONE else TaskState.BLOCKED
    measured = a_result(Kind.BENCHMARK, measurement=a_measurement(ratio=ratio))
    return [
        record(
            convert,
            Kind.CONVERT,
            recipe,
            state=state,
            cached=True,
            failure=failure,
            result=a_result(Kind.CONVERT) if state is DONE else None,
        ),
        record(
            f"{name}-evaluate",
            Kind.EVALUATE,
            recipe,
            state=after,
            cached=True,
            inputs=pair,
            result=a_result(Kind.EVALUATE) if after is DONE else None,
        ),
        record(
            f"{name}-benchmark",
            Kind.BENCHMARK,
            recipe,
            state=after,
            cached=False,
            inputs=pair,
            pinned_to="alpha.cpu",
            setting=Benchmark(threads=2),
            result=measured if after is DONE else None,
        ),
    ]


def test_a_row_joins_conversion_quality_and_measurement() -> None:
    (row,) = rows(tasks("tflite-int8"))

    assert (str(row.recipe), row.device, row.threads, row.state, row.cached) == (
        "tflite-int8",
        "alpha.cpu",
        2,
        DONE,
        False,
    )
    assert row.quality is not None
    assert row.measurement is not None
    assert row.measurement.ratio.value == 2.0
    assert row.convert_task == "tflite-int8-convert"
    assert row.artifact == a_result(Kind.CONVERT).outputs.digest


def test_the_twin_stands_beside_each_ratio() -> None:
    _, row = rows([*tasks("baseline", ratio=1.01), *tasks("tflite-int8")])

    assert row.measurement is not None
    assert row.measurement.ratio.null_value == 1.01


def test_a_failed_conversion_spoils_its_own_row_only() -> None:
    failure = Failure(reason=Reason.UNSUPPORTED_OP, message="no")

    good, bad = rows([*tasks("baseline"), *tasks("tflite-int8", state=TaskState.FAILED, failure=failure)])

    assert good.state is DONE
    assert (bad.state, bad.failure, bad.measurement, bad.artifact) == (TaskState.FAILED, failure, None, None)


def timed(kind: Kind, state: TaskState, *, pinned_to: str | None = None, duration_s: float | None = None) -> Timed:
    return Timed(kind=kind, state=state, pinned_to=pinned_to, duration_s=duration_s)


@pytest.mark.parametrize(("devices", "wanted"), [(1, 2 * 10 + 30), (2, 10 + 30)])
def test_what_is_bound_adds_up_and_the_rest_is_shared(devices: int, wanted: float) -> None:
    there = [
        timed(Kind.CONVERT, DONE, duration_s=10),
        *[timed(Kind.CONVERT, TaskState.READY)] * 2,
        timed(Kind.BENCHMARK, DONE, pinned_to="a.cpu", duration_s=30),
        timed(Kind.BENCHMARK, TaskState.PENDING, pinned_to="a.cpu"),
    ]

    assert eta_s(there, devices=devices, history={}) == wanted


def test_earlier_sweeps_help_where_this_one_knows_nothing() -> None:
    there = [timed(Kind.CONVERT, TaskState.READY)]

    assert eta_s(there, devices=1, history={}) is None
    assert eta_s(there, devices=1, history={Kind.CONVERT: 7}) == 7


def test_nothing_left_takes_no_time() -> None:
    assert eta_s([timed(Kind.CONVERT, DONE)], devices=1, history={}) == 0


@pytest.mark.parametrize(("batch_size", "null_value"), [(1, 1.01), (8, None)])
def test_a_twin_that_a_ladder_took_elsewhere_says_nothing(batch_size: int, null_value: float | None) -> None:
    own = a_measurement().model_copy(update={"batch_size": batch_size})
    variant, twin = tasks("tflite-int8"), tasks("baseline", ratio=1.01)
    measured = replace(variant[2], result=a_result(Kind.BENCHMARK, measurement=own))

    row = rows([*twin, *variant[:2], measured])[1]

    assert row.measurement is not None
    assert row.measurement.ratio.null_value == null_value


def test_quality_is_that_of_the_processors_that_are_timed() -> None:
    convert, evaluate, benchmark = tasks("onnx-int8")
    with_vnni, without = (Needs(instruction_sets={"avx512_vnni": has}) for has in (True, False))
    said = [a_result(Kind.EVALUATE, nmse=nmse) for nmse in (0.01, 0.9)]
    scored = [
        replace(evaluate, id=str(each), needs=needs, result=result)
        for each, (needs, result) in enumerate(zip((with_vnni, without), said, strict=True))
    ]
    timed = [
        replace(benchmark, pinned_to=name, needs=needs) for name, needs in (("a.cpu", without), ("b.cpu", with_vnni))
    ]

    found = rows([convert, *scored, *timed])

    assert [(row.device, row.quality and row.quality.nmse) for row in found] == [("a.cpu", 0.9), ("b.cpu", 0.01)]
