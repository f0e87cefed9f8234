"""What workers call: they register their device, and claim, keep and end tasks under the token of their message."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.health import Device
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Lease

router = APIRouter(tags=["workers"])


@router.put("/devices/{name}")
def register(farm: Farm, name: str, inventory: Inventory) -> Device:
    """Registers a device; the same again, every five seconds, keeps it alive."""
    if name != inventory.name:
        raise BadParameter(f"the inventory is of {inventory.name}, not of {name}")
    if farm.devices.register(inventory, now=farm.clock()):
        farm.loop.wake()
    return farm.devices.find(name, now=farm.clock())


@router.post("/tasks/{task_id}/claim")
def claim(farm: Farm, task_id: str, wanted: Claim) -> Lease:
    """Takes the task; 409 when the token is not the live one."""
    lease = farm.leases.claim(task_id, wanted, now=farm.clock())
    farm.changes.note([lease.sweep_id] if lease.sweep_id else [])
    return lease


@router.post("/tasks/{task_id}/heartbeat", status_code=204)
def heartbeat(farm: Farm, task_id: str, beat: Heartbeat) -> None:
    """Keeps the lease alive; 409 when it is lost or the task is cancelled."""
    sweep_id = farm.leases.heartbeat(task_id, beat, now=farm.clock())
    farm.changes.note([sweep_id] if sweep_id else [])


@router.post("/tasks/{task_id}/finish", status_code=204)
def finish(farm: Farm, task_id: str, end: Finish) -> None:
    """Ends the task; 409, and nothing changes, when the token is not the live one."""
    changed = farm.leases.finish(task_id, end, now=farm.clock())
    farm.objects.damaged.update(end.failure.damaged if end.failure else ())
    farm.loop.wake()
    farm.changes.note(changed)
