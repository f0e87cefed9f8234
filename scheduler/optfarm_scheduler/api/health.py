"""How the parts that the scheduler stands on are doing."""

from collections.abc import Callable

from fastapi import APIRouter

from optfarm_scheduler.errors import Unavailable
from optfarm_scheduler.parts import Farm
from optfarm_tasks.schema.api import Health

router = APIRouter(tags=["health"])


@router.get("/health")
def health(farm: Farm) -> Health:
    """ok, or why not, for each part; always 200 as long as the scheduler answers."""
    parts = {
        "database": _answer(farm.database.check),
        "broker": farm.dispatcher.health,
        "store": _answer(farm.objects.check),
    }
    return Health(status="ok" if set(parts.values()) == {"ok"} else "degraded", **parts)


def _answer(check: Callable[[], None]) -> str:
    try:
        check()
    except Unavailable as error:
        return str(error)
    return "ok"
