"""Single tasks, and what it takes to run one again elsewhere."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.task_folders import folder, task_row
from optfarm_scheduler.views.statuses import task_status
from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.sweep import TaskFolder, TaskStatus

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.get("/{task_id}")
def task(farm: Farm, task_id: str) -> TaskStatus:
    """A task as it stands, with its result once there is one."""
    with farm.database.reading() as connection:
        row = task_row(connection, task_id)
    result = None if row.result is None else Result.model_validate(row.result)
    return task_status(row, pulse=farm.pulse, result=result)


@router.get("/{task_id}/folder")
def task_folder(farm: Farm, task_id: str) -> TaskFolder:
    """Everything that runs the task again; 409 while its inputs are not made."""
    with farm.database.reading() as connection:
        row = task_row(connection, task_id)
        task = folder(connection, row)
    digests = {file.sha256 for tree in task.inputs.values() for file in tree.files}
    return TaskFolder(
        task=task,
        toolchain=dict(Needs.model_validate(row.needs).versions),
        urls={sha256: farm.objects.url(sha256) for sha256 in sorted(digests)},
    )
