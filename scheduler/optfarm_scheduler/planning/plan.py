"""Turns what was asked for into tasks, and says what cannot be done and why."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from optfarm_scheduler.errors import Refused
from optfarm_scheduler.planning.planner import Planner
from optfarm_scheduler.planning.selectors import select
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_tasks import registry
from optfarm_tasks.data_sets.data import TEST, fit
from optfarm_tasks.data_sets.label_fit import check_labels, label_warnings
from optfarm_tasks.errors import BadData, BadParameter, MissingParameter
from optfarm_tasks.schema.catalog import Data, Model
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.recipe import BASELINE, Recipe, Step
from optfarm_tasks.schema.spec import Benchmark
from optfarm_tasks.schema.sweep import Skipped, SweepSpec


@dataclass(frozen=True)
class Plan:
    """A sweep as it will run."""

    tasks: tuple[TaskPlan, ...]
    devices: tuple[Inventory, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]


MOST_MEASUREMENTS = 50_000
"""Of one sweep; planning takes seconds for so many, and the caller waits for it."""


def plan(spec: SweepSpec, *, sweep_id: str, model: Model, data: Data | None, alive: Sequence[Inventory]) -> Plan:
    """The tasks of a sweep: per recipe a conversion, with data an evaluation, per device and setting a benchmark.

    Args:
        spec: what was asked for.
        sweep_id: prefix of the task ids.
        model: the registered model.
        data: the registered data set, when one was named.
        alive: inventories of the devices that are alive.

    Raises:
        BadParameter: a recipe, a number, a selector or the runtime is wrong, no device is alive, or nothing can run.
        BadData: the data set does not fit the model's signature.
    """
    refuse_faults(spec.recipes)
    made = draft(spec, sweep_id=sweep_id, model=model, data=data, alive=alive)
    _refuse_nothing(spec, made)
    return made


def draft(spec: SweepSpec, *, sweep_id: str, model: Model, data: Data | None, alive: Sequence[Inventory]) -> Plan:
    """As `plan`, but a recipe that is wrong is skipped like one that does not fit, and all of them may be.

    Raises:
        BadParameter: a number, a selector or the runtime is wrong, or no device is alive.
        BadData: the data set does not fit the model's signature.
    """
    if not alive:
        raise BadParameter("no device is alive; start a worker with: optfarm-worker --device cpu")
    if spec.runtime is not None:
        registry.runtime(spec.runtime)
    recipes, warnings = _distinct((BASELINE, *spec.recipes))
    if data is not None:
        check_fit(model, data)
        tested = data.description.splits.get(TEST)
        warnings += label_warnings(model.description.signature, tested) if tested is not None else ()
    selected, settings = select(spec.devices, alive), tuple(_settings(spec))
    _refuse_many(len(recipes), len(settings), len(selected))
    planner = Planner(
        spec=spec,
        sweep_id=sweep_id,
        model=model,
        data=data,
        selected=selected,
        alive=tuple(sorted(alive, key=lambda device: device.name)),
        settings=settings,
    )
    for recipe in recipes:
        planner.add(recipe)
    return Plan(
        tasks=tuple(planner.tasks),
        devices=planner.selected,
        skipped=tuple(planner.skipped),
        warnings=(*warnings, *planner.warnings),
    )


def _refuse_many(recipes: int, settings: int, devices: int) -> None:
    """Passes when a sweep is no larger than one answer can plan."""
    if recipes * settings * devices > MOST_MEASUREMENTS:
        raise BadParameter(
            f"{recipes} recipes in {settings} settings of threads and batch size on {devices} devices are "
            f"{recipes * settings * devices} measurements, and a sweep has {MOST_MEASUREMENTS} at most; make several"
        )


def check_fit(model: Model, data: Data) -> None:
    """Passes when every split of a data set feeds a model, and its test labels can be compared with an output.

    Raises:
        BadData: one does not, or they cannot.
    """
    for name, split in sorted(data.description.splits.items()):
        try:
            fit(model.description.signature, split)
            if name == TEST:
                check_labels(model.description.signature, split)
        except BadData as error:
            raise BadData(f"{data.name}, split {name}: {error}") from error


def refuse_faults(recipes: Iterable[Recipe]) -> None:
    """Passes when there is nothing wrong with the steps of recipes.

    Raises:
        Refused: there is; the error lists all of it.
    """
    faults = list(_faults(recipes))
    if faults:
        raise Refused("; ".join(dict.fromkeys(fault["msg"] for fault in faults)), faults)


def _faults(recipes: Iterable[Recipe]) -> Iterator[dict[str, str]]:
    """What is wrong with recipes; one that lacks a parameter is skipped later instead, so that `all` may name it."""
    for recipe in recipes:
        for step in recipe.steps:
            try:
                registry.params_of(step)
            except MissingParameter:
                continue
            except BadParameter as error:
                yield {"recipe": str(recipe), "msg": str(error)}


def _distinct(recipes: Iterable[Recipe]) -> tuple[tuple[Recipe, ...], tuple[str, ...]]:
    """Recipes that differ once defaults are filled in; a baseline that was asked for is no duplicate."""
    kept: dict[tuple[tuple[str, str], ...], Recipe] = {}
    warnings = []
    for recipe in recipes:
        meaning = tuple((step.technique, _meaning(step)) for step in recipe.steps)
        if meaning not in kept:
            kept[meaning] = recipe
        elif kept[meaning] is not BASELINE:
            warnings.append(f"{recipe} is the same as {kept[meaning]}; it runs once")
    return tuple(kept.values()), tuple(warnings)


def _meaning(step: Step) -> str:
    try:
        return registry.params_of(step).model_dump_json()
    except BadParameter:
        return str(step)


def _settings(spec: SweepSpec) -> Iterator[Benchmark]:
    for threads in dict.fromkeys(spec.threads):
        for batch_size in dict.fromkeys(spec.batch_sizes):
            yield Benchmark(
                effort=spec.effort,
                threads=threads,
                batch_size=batch_size,
                seed=spec.seed,
                scenario=spec.scenario,
                latency_limit_ms=spec.latency_limit_ms,
            )


def _refuse_nothing(spec: SweepSpec, made: Plan) -> None:
    asked = {str(recipe) for recipe in spec.recipes if recipe != BASELINE} or {str(BASELINE)}
    if asked & {str(task.recipe) for task in made.tasks}:
        return
    reasons = [{"recipe": str(each.recipe), "device": each.device, "msg": each.reason} for each in made.skipped]
    lines = dict.fromkeys(f"{reason['recipe']}: {reason['msg']}" for reason in reasons)
    raise Refused(f"nothing of this can run. {'; '.join(lines)}", reasons)
