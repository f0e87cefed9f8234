"""What results depend on a processor for, and how artifacts are kept right on each. Pure."""

from collections.abc import Iterable, Sequence

from optfarm_scheduler.planning.toolchains import class_of
from optfarm_tasks import instruction_sets, registry
from optfarm_tasks.resolved import ResolvedRecipe
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import Recipe, Step


def classes(devices: Sequence[Inventory], reduced: Iterable[str]) -> dict[str, dict[str, bool]]:
    """Device → the instruction sets that results depend on, and whether it has each.

    Args:
        devices: what measures.
        reduced: runtimes that compute in integers or in reduced precision; in float32 results depend on none.
    """
    depended_on = frozenset[str]().union(*(registry.runtime(name).INSTRUCTION_SETS for name in reduced))
    return {each.name: class_of(each, depended_on) for each in devices}


def safe_recipe(resolved: ResolvedRecipe, devices: Iterable[Inventory]) -> Recipe:
    """The recipe with what keeps it right where the integer kernels of a device overflow, unless it says otherwise."""
    if not any(instruction_sets.overflow(device.instruction_sets) for device in devices):
        return resolved.recipe
    return Recipe(steps=tuple(_safe(step) for step in resolved.recipe.steps))


def _safe(step: Step) -> Step:
    wanted = dict(registry.technique(step.technique).CARD.where_overflowing)
    return step.model_copy(update={"params": wanted | step.params}) if wanted else step
