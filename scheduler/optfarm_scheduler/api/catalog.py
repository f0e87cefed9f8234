"""Registered models and data sets."""

from fastapi import APIRouter

from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.catalog import Data, Model, NewData, NewModel, Rename

router = APIRouter()


@router.post("/models", tags=["models"])
def register_model(farm: Farm, new: NewModel) -> Model:
    """Makes a name mean a pushed tree; 409 while blobs of it are missing."""
    farm.objects.record("models", new)
    return farm.models.register(new, now=farm.clock())


@router.post("/models/{name}/rename", tags=["models"])
def rename_model(farm: Farm, name: str, wanted: Rename) -> Model:
    """Gives a model another name; 409 while that one means another."""
    for each in farm.models.renamed(name, wanted.name):
        farm.objects.record("models", NewModel.model_validate(each.model_dump(include=set(NewModel.model_fields))))
    return farm.models.rename(name, wanted.name)


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


@router.post("/data/{name}/rename", tags=["data"])
def rename_data(farm: Farm, name: str, wanted: Rename) -> Data:
    """Gives a data set another name; 409 while that one means another."""
    for each in farm.data.renamed(name, wanted.name):
        farm.objects.record("data", NewData.model_validate(each.model_dump(include=set(NewData.model_fields))))
    return farm.data.rename(name, wanted.name)


@router.get("/data", tags=["data"])
def data_sets(farm: Farm) -> tuple[Data, ...]:
    """Every registered data set, the last named first."""
    return farm.data.everything()


@router.get("/data/{name}", tags=["data"])
def data_set(farm: Farm, name: str) -> Data:
    """What a name means now, or the data set of a digest."""
    return farm.data.find(name)
