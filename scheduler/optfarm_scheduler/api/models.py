"""Registered models."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.sweep import Model, NewModel

router = APIRouter(prefix="/models", tags=["models"])


@router.post("")
def register(farm: Farm, new: NewModel) -> Model:
    """Makes a name mean a pushed tree; 409 while blobs of it are missing."""
    farm.objects.record("models", new)
    return farm.models.register(new, now=farm.clock())


@router.get("")
def models(farm: Farm) -> tuple[Model, ...]:
    """Every registered model, the last named first."""
    return farm.models.everything()


@router.get("/{name}")
def model(farm: Farm, name: str) -> Model:
    """What a name means now, or the model of a digest."""
    return farm.models.find(name)
