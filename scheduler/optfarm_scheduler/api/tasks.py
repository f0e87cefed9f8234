"""Single tasks, and what it takes to run one again elsewhere."""

from fastapi import APIRouter

from optfarm_scheduler.decisions.states import ENDS
from optfarm_scheduler.parts import Farm
from optfarm_scheduler.views.statuses import task_status
from optfarm_tasks.schema.api import TaskFolder
from optfarm_tasks.schema.sweep import TaskStatus

router = APIRouter(prefix="/tasks", tags=["tasks"])


@router.get("/{task_id}")
def task(farm: Farm, task_id: str) -> TaskStatus:
    """A task as it stands, with its result once there is one."""
    found = farm.tasks.find(task_id)
    return task_status(found, {} if found.state in ENDS else farm.waits())


@router.get("/{task_id}/folder")
def task_folder(farm: Farm, task_id: str) -> TaskFolder:
    """Everything that runs the task again; 409 while its inputs are not made."""
    task, needs = farm.tasks.folder(task_id)
    digests = {file.sha256 for tree in task.inputs.values() for file in tree.files}
    urls = {sha256: farm.objects.url(sha256) for sha256 in sorted(digests)}
    return TaskFolder(task=task, toolchain=dict(needs.versions), urls=urls)
