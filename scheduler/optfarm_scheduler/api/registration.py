"""Where workers register and say that they are still there."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.health import Device

router = APIRouter(prefix="/devices", tags=["workers"])


@router.put("/{name}")
def register(farm: Farm, name: str, inventory: Inventory) -> Device:
    """Registers a device; the same again, every five seconds, keeps it alive."""
    if name != inventory.name:
        raise BadParameter(f"the inventory is of {inventory.name}, not of {name}")
    if farm.devices.register(inventory, now=farm.clock()):
        farm.loop.wake()
    return farm.devices.find(name, now=farm.clock())
