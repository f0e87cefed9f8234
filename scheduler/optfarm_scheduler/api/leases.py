"""Where workers claim, keep and end tasks, under the fencing token of their message."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Lease

router = APIRouter(prefix="/tasks", tags=["workers"])


@router.post("/{task_id}/claim")
def claim(farm: Farm, task_id: str, wanted: Claim) -> Lease:
    """Takes the task; 409 when the token is not the live one."""
    lease = farm.leases.claim(task_id, wanted, now=farm.clock())
    farm.changes.note([lease.sweep_id] if lease.sweep_id else [])
    return lease


@router.post("/{task_id}/heartbeat", status_code=204)
def heartbeat(farm: Farm, task_id: str, beat: Heartbeat) -> None:
    """Keeps the lease alive; 409 when it is lost or the task is cancelled."""
    sweep_id = farm.leases.heartbeat(task_id, beat, now=farm.clock())
    farm.changes.note([sweep_id] if sweep_id else [])


@router.post("/{task_id}/finish", status_code=204)
def finish(farm: Farm, task_id: str, end: Finish) -> None:
    """Ends the task; 409, and nothing changes, when the token is not the live one."""
    changed = farm.leases.finish(task_id, end, now=farm.clock())
    farm.loop.wake()
    farm.changes.note(changed)
