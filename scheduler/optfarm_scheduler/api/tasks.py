"""Single tasks, and what it takes to run one again elsewhere."""

from fastapi import APIRouter

from optfarm_scheduler.folders import folder, task_row
from optfarm_scheduler.parts import Farm
from optfarm_scheduler.statuses import task_status
from optfarm_scheduler.toolchains import Needs
from optfarm_tasks.result import Result
from optfarm_tasks.spec import Task
from optfarm_tasks.sweep import TaskStatus
from optfarm_tasks.tree import Digest
from optfarm_tasks.word import Message

router = APIRouter(prefix="/tasks", tags=["tasks"])


class Folder(Message):
    """A task's folder: what to put where, and where to get it."""

    task: Task
    toolchain: dict[str, str]
    """Distribution → version that the task runs with."""
    urls: dict[Digest, str]


@router.get("/{task_id}")
def task(farm: Farm, task_id: str) -> TaskStatus:
    """A task as it stands, with its result once there is one."""
    with farm.database.reading() as connection:
        row = task_row(connection, task_id)
    result = None if row.result is None else Result.model_validate(row.result)
    return task_status(row, pulse=farm.pulse, result=result)


@router.get("/{task_id}/folder")
def task_folder(farm: Farm, task_id: str) -> Folder:
    """Everything that runs the task again; 409 while its inputs are not made."""
    with farm.database.reading() as connection:
        row = task_row(connection, task_id)
        task = folder(connection, row)
    digests = {file.sha256 for tree in task.inputs.values() for file in tree.files}
    return Folder(
        task=task,
        toolchain=dict(Needs.model_validate(row.needs).versions),
        urls={sha256: farm.objects.url(sha256) for sha256 in sorted(digests)},
    )
