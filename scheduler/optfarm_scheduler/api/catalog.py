"""Registered models and data sets."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel

router = APIRouter()


@router.post("/models", tags=["models"])
def register_model(farm: Farm, new: NewModel) -> Model:
    """Makes a name mean a pushed tree; 409 while blobs of it are missing."""
    farm.objects.record("models", new)
    return farm.models.register(new, now=farm.clock())


@router.get("/models", tags=["models"])
def models(farm: Farm) -> tuple[Model, ...]:
    """Every registered model, the last named first."""
    return farm.models.everything()


@router.get("/models/{name}", tags=["models"])
def model(farm: Farm, name: str) -> Model:
    """What a name means now, or the model of a digest."""
    return farm.models.find(name)


@router.post("/data", tags=["data"])
def register_data(farm: Farm, new: NewData) -> Data:
    """Makes a name mean a pushed tree; 409 while blobs of it are missing."""
    farm.objects.record("data", new)
    return farm.data.register(new, now=farm.clock())


@router.get("/data", tags=["data"])
def data_sets(farm: Farm) -> tuple[Data, ...]:
    """Every registered data set, the last named first."""
    return farm.data.everything()


@router.get("/data/{name}", tags=["data"])
def data_set(farm: Farm, name: str) -> Data:
    """What a name means now, or the data set of a digest."""
    return farm.data.find(name)
