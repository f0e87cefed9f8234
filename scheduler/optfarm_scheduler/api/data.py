"""Registered data sets."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.sweep import Data, NewData

router = APIRouter(prefix="/data", tags=["data"])


@router.post("")
def register(farm: Farm, new: NewData) -> Data:
    """Makes a name mean a pushed tree; 409 while blobs of it are missing."""
    farm.objects.record("data", new)
    return farm.data.register(new, now=farm.clock())


@router.get("")
def data_sets(farm: Farm) -> tuple[Data, ...]:
    """Every registered data set, the last named first."""
    return farm.data.everything()


@router.get("/{name}")
def data_set(farm: Farm, name: str) -> Data:
    """What a name means now, or the data set of a digest."""
    return farm.data.find(name)
