"""How the parts that the scheduler stands on are doing."""

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from optfarm_scheduler.errors import Unavailable
from optfarm_scheduler.parts import Farm, Parts
from optfarm_tasks.schema.api import Health

router = APIRouter(tags=["health"])


@router.get("/health")
def health(farm: Farm) -> Health:
    """ok, or why not, for each part; always 200 as long as the scheduler answers."""
    parts = {"database": _database(farm), "broker": farm.dispatcher.health, "store": _store(farm)}
    return Health(status="ok" if set(parts.values()) == {"ok"} else "degraded", **parts)


def _database(farm: Parts) -> str:
    try:
        farm.database.check()
    except SQLAlchemyError as error:
        return str(error)
    return "ok"


def _store(farm: Parts) -> str:
    try:
        farm.objects.check()
    except Unavailable as error:
        return str(error)
    return "ok"
