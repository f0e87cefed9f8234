"""Plans a sweep that observes ops: one artifact, on one device. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from optfarm_scheduler.planning.conversion import conversion_of
from optfarm_scheduler.planning.plan import Plan, check_fit, refuse_faults
from optfarm_scheduler.planning.processors import tied
from optfarm_scheduler.planning.selectors import listing, select
from optfarm_scheduler.planning.sources import Origin, Source
from optfarm_scheduler.planning.task_plan import TaskPlan, identity, task_id
from optfarm_scheduler.planning.toolchains import Needs, runtime_needs
from optfarm_tasks import registry
from optfarm_tasks.data_sets.data import TEST
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.profilers import profiler
from optfarm_tasks.resolved import resolve
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import BASELINE, Recipe
from optfarm_tasks.schema.spec import Kind, Role, Trace
from optfarm_tasks.schema.sweep import SweepSpec, Tracing

Value = TypeVar("Value")


@dataclass(frozen=True)
class Artifact:
    """What is observed."""

    source: Source
    recipe: Recipe
    format: Format


def plan_trace(
    spec: SweepSpec,
    trace: Tracing,
    *,
    sweep_id: str,
    model: Model,
    data: Data | None,
    alive: Sequence[Inventory],
    artifact: Artifact | None = None,
) -> Plan:
    """A task that observes an artifact, and before it one that makes the artifact where there is none.

    Args:
        spec: what was asked for; one recipe, one number of threads, one batch size.
        trace: how the ops are observed.
        sweep_id: prefix of the task ids.
        model: the registered model.
        data: the registered data set, when one was named; its test split feeds the model.
        alive: inventories of the devices that are alive.
        artifact: the one that `trace` names, if it names one.

    Raises:
        BadParameter: a recipe, a number or a selector is wrong, or what was asked for cannot be observed there.
        BadData: the data set does not fit the model's signature.
    """
    refuse_faults(spec.recipes)
    recipe = _only("recipe", spec.recipes)
    device = _device(spec, alive)
    action = _action(spec, trace, device, model)
    made, before = (
        (artifact, ())
        if artifact
        else _made(spec, sweep_id, recipe, model=model, data=data, alive=alive, timed_on=(device,))
    )
    needs = _needs(made.format, spec.runtime, device)
    if before:
        needs = tied(needs, before[0], resolve(recipe, model.description.format).bound)
    observing = TaskPlan(
        id=task_id(sweep_id, len(before) + 1),
        kind=Kind.PROFILE,
        label=str(made.recipe),
        recipe=made.recipe,
        action=action,
        inputs={Role.MODEL: made.source, **_data(model, data)},
        depends_on=tuple(task.id for task in before),
        needs=needs,
        pinned_to=device.name,
        identity=identity(device, needs),
    )
    return Plan(tasks=(*before, observing), devices=(device,), skipped=(), warnings=())


def _made(
    spec: SweepSpec,
    sweep_id: str,
    recipe: Recipe,
    *,
    model: Model,
    data: Data | None,
    alive: Sequence[Inventory],
    timed_on: Sequence[Inventory],
) -> tuple[Artifact, tuple[TaskPlan, ...]]:
    """What a recipe makes of the model, and the task that makes it; none where the model runs as it is."""
    given = model.description.format
    resolved = resolve(recipe, given, model_bytes=model.description.size_bytes)
    if recipe == BASELINE and resolved.output_format is given and not model.description.feeding.changes_model:
        return Artifact(Source(Origin.MODEL, model.digest), recipe, given), ()
    there = tuple(sorted(alive, key=lambda device: device.name))
    conversion = conversion_of(
        resolved, spec, task=task_id(sweep_id, 1), model=model, data=data, alive=there, timed_on=timed_on
    )
    return Artifact(Source(Origin.TASK, conversion.id), recipe, resolved.output_format), (conversion,)


def _device(spec: SweepSpec, alive: Sequence[Inventory]) -> Inventory:
    if not alive:
        raise BadParameter("no device is alive; start a worker with: optfarm-worker --device cpu")
    found = select(spec.devices, alive)
    if len(found) > 1:
        raise BadParameter(f"ops are observed on one device, and {len(found)} are meant; name one: {listing(found)}")
    return found[0]


def _action(spec: SweepSpec, trace: Tracing, device: Inventory, model: Model) -> Trace:
    threads, batch_size = _only("number of threads", spec.threads), _only("batch size", spec.batch_sizes)
    cores = device.attributes.get("cores")
    if threads == "auto" or batch_size == "auto":
        raise BadParameter("ops are observed with a given number of threads and a given batch size, not with auto")
    if isinstance(cores, int) and threads > cores:
        raise BadParameter(f"threads={threads}, but {device.name} has {cores} cores")
    return Trace(
        threads=threads,
        batch_size=batch_size,
        seed=spec.seed,
        runs=trace.runs,
        runtime=spec.runtime,
        batch_axes=model.description.feeding.batch_axes,
    )


def _needs(artifact_format: Format, wanted: str | None, device: Inventory) -> Needs:
    runtime = registry.runtime_for(artifact_format, device=device.kind, wanted=wanted)
    profiler(runtime)
    return runtime_needs((runtime,), (device,))


def _data(model: Model, data: Data | None) -> dict[Role, Source]:
    """The data set as an input, if it has what feeds the model."""
    if data is None:
        return {}
    check_fit(model, data)
    return {Role.DATA: Source(Origin.DATA, data.digest)} if TEST in data.description.splits else {}


def _only(what: str, values: Sequence[Value]) -> Value:
    if len(values) != 1:
        raise BadParameter(f"ops are observed with one {what}, and {len(values)} are given")
    return values[0]
