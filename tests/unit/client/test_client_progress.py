"""A running sweep in words."""

from datetime import UTC, datetime
from typing import Any

import pytest

from optfarm.durations import shown_s
from optfarm.progress import exit_code, headline, news, running_lines
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import SweepSpec, SweepState, SweepStatus, TaskState, TaskStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def task(task_id: str, state: TaskState, **other: Any) -> TaskStatus:
    values: dict[str, Any] = {
        "sweep_id": "s",
        "kind": Kind.CONVERT,
        "label": "tflite-int8",
        "recipe": Recipe.parse("tflite-int8"),
        "device": "alpha.cpu",
        "cached": False,
        "attempt": 1,
        "key": None,
        "progress": None,
        "failure": None,
        "log": None,
        "depends_on": (),
        "queued_at": NOW,
        "started_at": None,
        "finished_at": None,
    }
    return TaskStatus(id=task_id, state=state, **(values | other))


def sweep(*tasks: TaskStatus, state: SweepState = SweepState.RUNNING, eta_s: float | None = None) -> SweepStatus:
    spec = SweepSpec(model="m", recipes=(Recipe.parse("tflite-int8"),))
    return SweepStatus(
        id="s", state=state, spec=spec, created_at=NOW, finished_at=None, tasks=tasks, skipped=(), eta_s=eta_s
    )


def test_headline_counts_and_estimates() -> None:
    status = sweep(
        task("1", TaskState.DONE, cached=True),
        task("2", TaskState.RUNNING),
        task("3", TaskState.PENDING),
        task("4", TaskState.DISPATCHED),
        eta_s=75,
    )

    assert headline(status) == "2 queued, 1 running, 1 done of 4 (1 from the store), about 1 min 15 s to go"


def test_a_running_task_shows_its_phase_and_percentage() -> None:
    status = sweep(task("1", TaskState.RUNNING, progress=Progress(phase="warm-up", fraction=0.25)))

    assert running_lines(status, NOW) == ("convert tflite-int8 on alpha.cpu: warm-up 25%",)


def test_news_are_what_changed_since_the_last_look() -> None:
    before = sweep(task("1", TaskState.RUNNING), task("2", TaskState.READY))
    failure = Failure(reason=Reason.TIMEOUT, message="it took 10 s")
    now = sweep(task("1", TaskState.FAILED, failure=failure), task("2", TaskState.DISPATCHED))

    assert news(before, now, NOW) == ("[1/2] convert tflite-int8 on alpha.cpu failed: timeout, it took 10 s",)
    assert news(now, now, NOW) == ()


def test_a_technique_with_nothing_to_do_is_told_as_skipped_with_its_reason() -> None:
    failure = Failure(reason=Reason.NOTHING_TO_DO, message="the graph has no batch norm")
    now = sweep(task("1", TaskState.SKIPPED, failure=failure), task("2", TaskState.DONE))

    assert news(sweep(task("2", TaskState.DONE)), now, NOW) == (
        "[2/2] convert tflite-int8 on alpha.cpu skipped: the graph has no batch norm",
    )
    assert headline(now) == "1 done of 2, 1 skipped"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (TaskState.DONE, 0),
        (TaskState.SKIPPED, 0),
        (TaskState.FAILED, 1),
        (TaskState.BLOCKED, 1),
        (TaskState.CANCELLED, 1),
    ],
)
def test_exit_code_tells_whether_every_variant_went_well(state: TaskState, code: int) -> None:
    assert exit_code(sweep(task("1", state), state=SweepState.DONE)) == code


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (7500, "2 h 5 min")])
def test_durations_read_as_people_say_them(seconds: float, shown: str) -> None:
    assert shown_s(seconds) == shown
