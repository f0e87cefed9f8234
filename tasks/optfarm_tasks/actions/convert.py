"""Converts a model by a recipe: the output of a step is the input of the next."""

import tempfile
from pathlib import Path

from optfarm_tasks import formats
from optfarm_tasks.coding import packed
from optfarm_tasks.errors import Internal, NothingToDo
from optfarm_tasks.frameworks.called import as_called
from optfarm_tasks.frameworks.imports import require
from optfarm_tasks.resolved import ResolvedStep, resolve
from optfarm_tasks.schema.device import CPU, DeviceSpec
from optfarm_tasks.schema.feeding import NOTHING, Feeding
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Conversion
from optfarm_tasks.schema.spec import Convert, Role, Task
from optfarm_tasks.technique import Done, OnProgress, Work


def run(folder: Path, task: Task, on_progress: OnProgress) -> Conversion:
    """Fills outputs/ with the artifact of a task's recipe.

    Raises:
        BadModel: the model cannot be read.
        BadParameter: the recipe does not take this model, or a parameter is wrong.
        TaskError: whatever a technique says.
    """
    if not isinstance(task.action, Convert):
        raise Internal(f"a {task.action.kind} task reached the conversion")
    inputs, output = folder / "inputs", folder / "outputs"
    data = inputs / Role.DATA if Role.DATA in task.inputs else None
    done = chain(
        task.action.recipe,
        inputs / Role.MODEL,
        output,
        data=data,
        seed=task.action.seed,
        on_progress=on_progress,
        device=task.device,
        feeding=task.action.feeding,
    )
    on_progress("describing", 0.98)
    return Conversion(
        description=formats.describe(output),
        gzip_bytes=packed.gzip_bytes(output),
        zstd_bytes=packed.zstd_bytes(output),
        warnings=tuple(dict.fromkeys(warning for each in done.values() for warning in each.warnings)),
        notes={step: each.notes for step, each in done.items() if each.notes},
    )


def chain(
    recipe: Recipe,
    model: Path,
    output: Path,
    *,
    data: Path | None,
    seed: int,
    on_progress: OnProgress,
    device: DeviceSpec = CPU,
    feeding: Feeding = NOTHING,
) -> dict[str, Done]:
    """Runs the steps of a recipe on a model as it is called; gives the warnings and notes of each, by its text.

    Steps in between are not kept.

    Raises:
        NothingToDo: a step has nothing to work on.
        TaskError: see `run`.
    """
    # All steps are checked before the first one spends minutes.
    is_chain = len(recipe.steps) > 1
    steps = resolve(recipe, formats.detect(model)).steps
    done: dict[str, Done] = {}
    with tempfile.TemporaryDirectory(dir=output.parent, prefix="steps-") as scratch:
        original = model = as_called(model, feeding, Path(scratch, "called")) if feeding.changes_model else model
        for index, step in enumerate(steps):
            target = output if step is steps[-1] else Path(scratch, str(index))
            target.mkdir(exist_ok=True)
            work = Work(
                model=model,
                format=formats.detect(model),
                output=target,
                data=data,
                seed=seed,
                on_progress=_part_of(on_progress, index, len(steps)),
                original=original,
                device=device,
                batch_axes=feeding.batch_axes,
            )
            done[f"{index + 1}: {step.step}" if is_chain else str(step.step)] = _done(step, work)
            model = target
    return done


def _done(step: ResolvedStep, work: Work) -> Done:
    require(step.technique.CARD.modules, user=step.step.technique)
    work.on_progress(step.step.technique, 0.0)
    try:
        return step.technique.run(work, step.params)
    except NothingToDo as error:
        # Without it the recipe would be another one, so none of its steps counts as done.
        raise NothingToDo(f"{step.step.technique} has nothing to do: {error}") from error


def _part_of(on_progress: OnProgress, index: int, count: int) -> OnProgress:
    return lambda phase, fraction: on_progress(phase, (index + fraction) / count * 0.98)
