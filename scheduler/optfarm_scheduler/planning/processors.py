"""What results depend on a processor for, and how artifacts are kept right on each. Pure."""

from collections.abc import Iterable, Sequence

from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import Needs, class_of, relevant
from optfarm_tasks import instruction_sets, registry
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.resolved import ResolvedRecipe
from optfarm_tasks.schema.device import DeviceKind, Inventory
from optfarm_tasks.schema.recipe import Recipe, Step
from optfarm_tasks.technique import Bound


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


def made_for(resolved: ResolvedRecipe, devices: Sequence[Inventory]) -> dict[str, tuple[Inventory, ...]]:
    """Class of GPUs → the devices that one artifact is made for; of one that is bound to none, "" → all that run it."""
    if resolved.bound is None:
        there = tuple(each for each in devices if each.kind == DeviceKind.GPU or not resolved.needs_gpu)
        return {"": there} if there else {}
    names = dict.fromkeys(each.gpu_class for each in devices if each.gpu_class)
    return {name: tuple(each for each in devices if each.gpu_class == name) for name in names}


def kind_of(devices: Iterable[Inventory], wanted: str | None) -> DeviceKind:
    """The kind of devices that outputs are scored on: GPUs where those alone are timed, or the runtime is for them."""
    is_on_cpu = any(each.kind != DeviceKind.GPU for each in devices)
    takes_cpu = wanted is None or DeviceKind.CPU in registry.runtime(wanted).DEVICES
    return DeviceKind.CPU if is_on_cpu and takes_cpu else DeviceKind.GPU


def aimed(recipe: Recipe, gpu: Inventory) -> Recipe:
    """The recipe with the compute capability of a GPU, in each step that makes something for one.

    Raises:
        BadParameter: a step says another, or the worker does not say what its GPU has.
    """
    return Recipe(steps=tuple(_aimed(step, gpu) for step in recipe.steps))


def tied(needs: Needs, conversion: TaskPlan, bound: Bound | None) -> Needs:
    """What running an artifact takes: of one that is bound, its class of GPUs, and the version of what made it."""
    if bound is None:
        return needs
    versions = dict(needs.versions) | relevant(conversion.needs.versions, [bound.module])
    return needs.model_copy(update={"versions": versions, "gpu": True, "gpu_class": conversion.identity or ""})


def _aimed(step: Step, gpu: Inventory) -> Step:
    bound = registry.technique(step.technique).CARD.bound
    if bound is None:
        return step
    there, asked = gpu.attributes.get("compute_capability"), step.params.get(bound.target)
    if not isinstance(there, int | float):
        raise BadParameter(f"{gpu.name} does not say its compute capability, for which {step.technique} builds")
    if asked not in (None, 0, there):
        raise BadParameter(f"{step} is for compute capability {asked}, and {gpu.name} has {there}")
    return step.model_copy(update={"params": step.params | {bound.target: float(there)}})


def _safe(step: Step) -> Step:
    wanted = dict(registry.technique(step.technique).CARD.where_overflowing)
    return step.model_copy(update={"params": wanted | step.params}) if wanted else step
