"""The devices of the farm."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.sweep import Device

router = APIRouter(prefix="/devices", tags=["devices"])


@router.get("")
def devices(farm: Farm) -> tuple[Device, ...]:
    """Every device that ever registered, and whether it is alive."""
    return farm.devices.everything(now=farm.clock())


@router.get("/{name}")
def device(farm: Farm, name: str) -> Device:
    """One device."""
    return farm.devices.find(name, now=farm.clock())
