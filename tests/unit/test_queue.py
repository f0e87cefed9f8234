"""The message of a task, as the scheduler sends it and a worker takes it."""

import inspect
import subprocess
import sys

from optfarm_tasks.schema.queue import SETTINGS, TASK_NAME, TRANSPORT_OPTIONS, Message, queue_of
from optfarm_worker import app
from optfarm_worker.task_runner import TaskRunner

MESSAGE = Message(task_id="0123456789ab-001", token=3, device="alpha.gpu-0")


def test_a_message_has_one_form_on_the_wire() -> None:
    assert (TASK_NAME, MESSAGE.queue, MESSAGE.arguments) == (
        "optfarm.run",
        "device.alpha.gpu-0",
        ("0123456789ab-001", 3),
    )
    assert MESSAGE.queue == queue_of(MESSAGE.device)


def test_a_worker_takes_the_arguments_in_the_order_in_which_they_are_sent() -> None:
    bound = inspect.signature(TaskRunner.carry_out).bind("worker", *MESSAGE.arguments)

    assert bound.arguments == {"self": "worker", "task_id": MESSAGE.task_id, "token": MESSAGE.token}


def test_a_worker_listens_as_the_scheduler_sends() -> None:
    options = app.SETTINGS["broker_transport_options"]

    assert options | TRANSPORT_OPTIONS == options
    assert app.SETTINGS | SETTINGS | {"broker_transport_options": options} == app.SETTINGS


def test_the_contract_is_read_without_celery() -> None:
    program = "import sys, optfarm_tasks.schema.queue; sys.exit('celery' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
