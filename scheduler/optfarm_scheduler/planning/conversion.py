"""Plans the task that makes an artifact, and the data that it learns from."""

from collections.abc import Sequence

from optfarm_scheduler.planning.processors import aimed, safe_recipe
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import Needs, pinned
from optfarm_tasks.data_sets.data import CALIBRATION, training_split
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.resolved import ResolvedRecipe
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.spec import Convert, Kind, Role
from optfarm_tasks.schema.sweep import SweepSpec


def conversion_of(
    resolved: ResolvedRecipe,
    spec: SweepSpec,
    *,
    task: str,
    model: Model,
    data: Data | None,
    alive: Sequence[Inventory],
    timed_on: Sequence[Inventory],
) -> TaskPlan:
    """The task, of an id, that makes a recipe's artifact for some devices on any of those that are alive.

    Raises:
        BadParameter: a step lacks data or memory, or no device alive offers what it imports; or what it makes runs on
            one kind of GPU alone, and the devices are none.
    """
    samples = samples_for(resolved, model, data)
    learnt_from = {} if samples is None else {Role.DATA: Source(Origin.DATA, samples.digest)}
    needed, limit = resolved.memory_bytes, spec.limits.memory_bytes
    if needed > limit:
        raise BadParameter(
            f"it needs about {needed / 1e9:.1f} GB of memory, more than the limit of {limit / 1e9:.1f} GB; raise it"
        )
    gpu_class = _gpu_class(resolved, timed_on)
    recipe = safe_recipe(resolved, timed_on)
    needs = Needs(
        techniques=resolved.techniques,
        gpu=resolved.needs_gpu,
        # What is built on a GPU is built on one of those that run it.
        gpu_class=gpu_class if resolved.needs_gpu else "",
        memory_bytes=needed,
    )
    return TaskPlan(
        id=task,
        kind=Kind.CONVERT,
        label=str(aimed(resolved.recipe, timed_on[0]) if gpu_class else resolved.recipe),
        recipe=resolved.recipe,
        action=Convert(
            recipe=aimed(recipe, timed_on[0]) if gpu_class else recipe,
            seed=spec.seed,
            feeding=model.description.feeding,
        ),
        inputs={Role.MODEL: Source(Origin.MODEL, model.digest)} | learnt_from,
        needs=pinned(needs, alive, resolved.modules),
        identity=gpu_class or None,
    )


def _gpu_class(resolved: ResolvedRecipe, timed_on: Sequence[Inventory]) -> str:
    """The class of GPUs that the artifact is made for; empty where it runs anywhere."""
    if resolved.bound is None:
        return ""
    found = timed_on[0].gpu_class if timed_on else ""
    if not found:
        raise BadParameter(f"{resolved.recipe} is made for GPUs, and none is to run it; select one: --devices gpu")
    return found


def samples_for(resolved: ResolvedRecipe, model: Model, data: Data | None) -> Data | None:
    """The data set that a recipe's conversion needs; None where it needs none.

    Raises:
        BadParameter: it needs one, and there is none with the right split, or the model takes strings.
    """
    calibrates, fine_tunes = resolved.needs_calibration, resolved.needs_training_data
    if not (calibrates or fine_tunes):
        return None
    for tensor in model.description.signature.inputs:
        if tensor.dtype == "string":
            raise BadParameter(f"it learns from numbers, and the input {tensor.name} takes strings")
    if data is None and calibrates:
        raise BadParameter("it needs calibration data; name a data set with a calibration split")
    if data is None:
        raise BadParameter("it fine-tunes; name a data set with a train or a calibration split")
    splits = sorted(data.description.splits)
    there = ", ".join(splits)
    if calibrates and CALIBRATION not in splits:
        raise BadParameter(f"it needs calibration data; {data.name} has only the split {there}")
    if fine_tunes and training_split(splits) is None:
        raise BadParameter(f"it fine-tunes on a train or a calibration split; {data.name} has only {there}")
    return data
