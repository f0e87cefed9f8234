"""One task of a plan, and what stands for its device in keys."""

from dataclasses import dataclass

from optfarm_scheduler.planning.sources import Source
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.spec import Action, Kind, Role
from optfarm_tasks.schema.value import digest_of


@dataclass(frozen=True)
class TaskPlan:
    """One task as it is stored."""

    id: str
    kind: Kind
    label: str
    recipe: Recipe
    action: Action
    inputs: dict[Role, Source]
    needs: Needs
    depends_on: tuple[str, ...] = ()
    """The tasks of its sweep that make its inputs."""
    pinned_to: str | None = None
    identity: str | None = None
    """What stands for the device in the task's key."""


def identity(device: Inventory, needs: Needs) -> str:
    """What stands for a device in keys: numbers belong to one machine, and only while it stays the same."""
    attributes = f"{device.name}:{digest_of(device.attributes)}"
    return f"{attributes}:{processor(needs)}" if needs.instruction_sets else attributes


def processor(needs: Needs) -> str | None:
    """What stands in keys for a class of processors, or of GPUs; None where results depend on none."""
    if not needs.instruction_sets:
        return needs.gpu_class or None
    return "+".join(name for name, has in needs.instruction_sets.items() if has) or "none"


def task_id(sweep_id: str, number: int) -> str:
    """What the task of a number, from 1 on, is called."""
    return f"{sweep_id}-{number:03d}"
