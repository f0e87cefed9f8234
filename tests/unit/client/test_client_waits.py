"""What a sweep waits for, as a user reads it."""

from datetime import timedelta

import pytest

from optfarm.progress import news, running_lines
from optfarm.waits import in_words, waiting_lines
from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.sweep import TaskState, TaskStatus
from optfarm_tasks.schema.waiting import Waiting, WaitsFor
from tests.unit.client.test_client_progress import NOW, sweep, task

MACHINE = Waiting(reason=WaitsFor.MACHINE, message="process 4711 holds it", since=NOW)
LATER = NOW + timedelta(seconds=200)
BEHIND = Waiting(reason=WaitsFor.DEVICE, message="1 task is before it on alpha.cpu", since=NOW, ahead=1)


def running(waiting: Waiting | None) -> TaskStatus:
    progress = Progress(phase="starting", fraction=0, waiting=waiting)
    return task("1", TaskState.RUNNING, progress=progress, waiting=waiting)


@pytest.mark.parametrize(
    ("waiting", "shown"),
    [
        (MACHINE, "process 4711 holds it, for 3 min 20 s"),
        (
            Waiting(reason=WaitsFor.QUIET, message="disturbed", since=NOW, until=LATER + timedelta(seconds=12)),
            "disturbed, for 3 min 20 s, goes on in 12 s",
        ),
        (Waiting(reason=WaitsFor.OFFLINE, message="it is offline", since=NOW), "it is offline, silent for 3 min 20 s"),
        (Waiting(reason=WaitsFor.TASKS, message="inputs"), "inputs"),
        (Waiting(reason=WaitsFor.QUIET, message="late", until=NOW), "late, goes on in 0 s"),
    ],
)
def test_a_wait_is_told_with_its_age_and_its_end(waiting: Waiting, shown: str) -> None:
    assert in_words(waiting, LATER) == shown


def test_a_running_task_that_waits_shows_that_instead_of_its_phase() -> None:
    assert running_lines(sweep(running(MACHINE)), LATER) == (
        "convert tflite-int8 on alpha.cpu waits: process 4711 holds it, for 3 min 20 s",
    )


def test_queued_tasks_that_wait_for_one_thing_make_one_line() -> None:
    younger = BEHIND.model_copy(update={"since": LATER})
    status = sweep(task("1", TaskState.READY, waiting=younger), task("2", TaskState.READY, waiting=BEHIND))

    assert waiting_lines(status, LATER) == ("2 tasks wait: 1 task is before it on alpha.cpu, for 3 min 20 s",)


def test_a_log_tells_once_that_a_running_task_waits() -> None:
    before, now = sweep(running(None)), sweep(running(MACHINE))

    assert news(before, now, LATER) == (
        "convert tflite-int8 on alpha.cpu waits: process 4711 holds it, for 3 min 20 s",
    )
    assert news(now, now, LATER + timedelta(seconds=1)) == ()


def test_a_log_tells_what_a_sweep_waits_for_while_none_of_its_tasks_runs() -> None:
    queued, busy = task("2", TaskState.READY, waiting=BEHIND), sweep(running(None))

    assert news(None, sweep(queued), LATER) == ("waits: 1 task is before it on alpha.cpu, for 3 min 20 s",)
    assert news(busy, sweep(*busy.tasks, queued), LATER) == ()
