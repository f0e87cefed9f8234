"""`optfarm profile`: where the time of one inference goes, op by op."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from optfarm.cli import live, pushing
from optfarm.cli.artifact import chosen
from optfarm.cli.output import INTERRUPTED, Json, farm, note, print_json, print_table, say

if TYPE_CHECKING:
    from optfarm import Farm
    from optfarm.cli.pushing import Given
    from optfarm_tasks.schema.sweep import TaskStatus

_TASK = re.compile(r"[0-9a-f]{12}-\d{3,}")
_SWEEP = re.compile(r"[0-9a-f]{12}")


def profile(
    target: Annotated[
        str, typer.Argument(help="A path, which is pushed first; a model's name; a sweep's or task's id.")
    ],
    recipe: Annotated[str | None, typer.Argument(help="Of a sweep: the recipe that made the artifact.")] = None,
    *,
    device: Annotated[str, typer.Option(help="Its name, or a selector that leaves one.")] = "all",
    output: Annotated[Path | None, typer.Option(help="The trace's file; NAME.trace.json when left out.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the runtime.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Samples in one inference.")] = 1,
    runtime: Annotated[str | None, typer.Option(help="What runs it, where its format leaves a choice.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="Inferences that are observed.")] = 20,
    data: Annotated[str | None, typer.Option(help="What feeds it: a path or a pushed name; else random.")] = None,
    seed: Annotated[int, typer.Option(help="Of random inputs, and of the choice of samples.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Observe again what is stored already.")] = False,
    name: Annotated[str | None, typer.Option(help="The name under which a path is pushed.")] = None,
    as_json: Json = False,
) -> None:
    """Write a Chrome trace of one inference of a model or an artifact, and print its most expensive ops."""
    from optfarm.sweep_settings import settings_of

    _check_output(output)
    given = pushing.read(settings_of({"model": target if recipe is None else None, "data": data}), name=name)
    with farm() as opened:
        settings, called = _meant(opened, target, recipe, given, device=device)
        settings |= {
            "devices": [device],
            "threads": [threads],
            "batch_sizes": [batch_size],
            "runtime": runtime,
            "seed": seed,
            "fresh": fresh,
            "data": data,
        }
        settings["trace"] = {**settings.get("trace", {}), "runs": runs}
        task = _followed(opened, given.pushed(opened, settings_of(settings)).spec())
        _print(opened, task, output or Path(f"{called}.trace.json"), as_json=as_json)


def _check_output(output: Path | None) -> None:
    from optfarm.errors import BadRequest

    if output is not None and (output.is_dir() or not output.absolute().parent.is_dir()):
        raise BadRequest(
            f"{output} cannot be written: {'it is a folder' if output.is_dir() else 'there is no such folder'}"
        )


def _meant(
    opened: "Farm", target: str, recipe: str | None, given: "Given", *, device: str
) -> tuple[dict[str, Any], str]:
    """The settings of a sweep that name what is observed, and what its trace is called."""
    if recipe is not None:
        report = opened.find_sweep(target).report()
        is_name = device in {row.facts.device for row in report.rows}
        row = chosen(report, recipe, device=device if is_name else None)
        return _artifact(opened, row.facts.convert_task or "")
    if given.model is not None:
        return {"model": target, "recipes": ["baseline"]}, given.model[1].name
    if _TASK.fullmatch(target):
        return _artifact(opened, target)
    return {"model": target, "recipes": ["baseline"]}, _known(opened, target)


def _artifact(opened: "Farm", task_id: str) -> tuple[dict[str, Any], str]:
    from optfarm.errors import BadRequest

    task = opened.task(task_id)
    if task.sweep_id is None:
        raise BadRequest(f"{task_id} is a canary; it made no artifact")
    model = opened.find_sweep(task.sweep_id).status().spec.model
    called = re.sub(r"[^A-Za-z0-9._-]+", "-", str(task.recipe)).strip("-")
    return {"model": model, "recipes": [str(task.recipe)], "trace": {"artifact": task_id}}, called


def _known(opened: "Farm", name: str) -> str:
    """The name of a pushed model, by its name or digest."""
    from optfarm.errors import NotFound

    try:
        return opened.model(name).name
    except NotFound as error:
        if not _SWEEP.fullmatch(name):
            raise
        raise NotFound(f"{error}; of a sweep, name the recipe too: optfarm profile {name} RECIPE") from error


def _followed(opened: "Farm", spec: Any) -> "TaskStatus":
    """Submits a sweep, shows it until it has ended, and returns its task that observed the ops."""
    from optfarm_tasks.schema.spec import Kind

    sweep = opened.submit(spec)
    try:
        return next(task for task in live.show(sweep).tasks if task.kind is Kind.PROFILE)
    except KeyboardInterrupt:
        note(
            f"\ndetached; it goes on. The same command again takes its result. End it: optfarm sweep cancel {sweep.id}"
        )
        raise typer.Exit(INTERRUPTED) from None


def _print(opened: "Farm", task: "TaskStatus", output: Path, *, as_json: bool) -> None:
    from optfarm.profiled import HEADINGS, notes_of, profiled, rows_of
    from optfarm_tasks.schema.sweep import TaskState

    about = {"sweep": task.sweep_id, "task": task.id, "device": task.device}
    if task.state is not TaskState.DONE:
        note(f"nothing was observed: task {task.id} is {task.state}; see optfarm sweep show {task.sweep_id}")
        if as_json:
            print_json({**about, "state": task.state, "failure": task.failure})
        raise typer.Exit(1)
    found = profiled(opened, task.id)
    found.write_trace(output)
    if as_json:
        print_json({**about, "state": task.state, "trace": str(output), "profile": found.facts})
        return
    print_table(HEADINGS, rows_of(found.facts), title=f"{task.label} on {task.device}, {found.facts.runtime}")
    say(*(f"• {line}" for line in notes_of(found.facts)))
    note(f"the trace of one inference lies in {output}: open it in chrome://tracing or ui.perfetto.dev")
