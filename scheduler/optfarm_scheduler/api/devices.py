"""The devices of the farm."""

import structlog
from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.health import Device, Release

router = APIRouter(prefix="/devices", tags=["devices"])
log = structlog.get_logger()


@router.get("")
def devices(farm: Farm) -> tuple[Device, ...]:
    """Every device that ever registered, and whether it is alive."""
    return farm.devices.everything(now=farm.clock())


@router.get("/{name}")
def device(farm: Farm, name: str) -> Device:
    """One device."""
    return farm.devices.find(name, now=farm.clock())


@router.post("/{name}/release")
def release(farm: Farm, name: str, wanted: Release) -> Device:
    """Ends a device's quarantine; 409 when it is in none, unless what was usual is to be forgotten."""
    farm.devices.release(name, anew=wanted.anew, now=farm.clock())
    log.info("released", device=name, anew=wanted.anew)
    farm.loop.wake()
    farm.changes.note([None])
    return farm.devices.find(name, now=farm.clock())
