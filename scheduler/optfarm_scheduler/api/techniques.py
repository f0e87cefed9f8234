"""The techniques that recipes are made of."""

from fastapi import APIRouter

from optfarm_scheduler.errors import NotFound
from optfarm_tasks import registry
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.technique_card import TechniqueCard

router = APIRouter(prefix="/techniques", tags=["techniques"])


@router.get("")
def techniques() -> tuple[TechniqueCard, ...]:
    """Every technique."""
    return tuple(registry.card(name) for name in registry.technique_names())


@router.get("/{name}")
def technique(name: str) -> TechniqueCard:
    """One technique, with its parameters and their ranges."""
    try:
        return registry.card(name)
    except BadParameter as error:
        raise NotFound(str(error)) from error
