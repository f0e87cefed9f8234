"""`optfarm sweep`: run, list, show, watch, rename and cancel sweeps."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli import live, pushing
from optfarm.cli.output import INTERRUPTED, Json, farm, note, print_json, print_list, print_table, say
from optfarm.cli.report import print_report

if TYPE_CHECKING:
    from optfarm import Farm
    from optfarm.sweep import Sweep
    from optfarm.sweep_settings import SweepSettings

app = typer.Typer(name="sweep", help="Run, list, show, watch, rename and cancel sweeps.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(help="The sweep's id.")]
_ALL = "all"


@app.command()
def run(
    model: Annotated[
        str | None, typer.Argument(help="A path, which is pushed first, or a pushed model's name.")
    ] = None,
    *,
    file: Annotated[Path | None, typer.Option(help="Settings in YAML; flags win over them.")] = None,
    techniques: Annotated[str | None, typer.Option(help="Recipes, parted by commas; `all` when left out.")] = None,
    recipe: Annotated[list[str] | None, typer.Option(help="One recipe, 'x(p=1) -> y'; may be repeated.")] = None,
    data: Annotated[str | None, typer.Option(help="A path, which is pushed first, or a pushed name.")] = None,
    devices: Annotated[list[str] | None, typer.Option(help="all, gpu, host=alpha …; may be repeated.")] = None,
    effort: Annotated[str | None, typer.Option("--effort", "--profile", help="quick or full.")] = None,
    threads: Annotated[str | None, typer.Option(help="Thread counts to time with: 1,2,4; or auto.")] = None,
    batch_sizes: Annotated[str | None, typer.Option(help="Batch sizes to time with: 1,8; or auto.")] = None,
    scenario: Annotated[str | None, typer.Option(help="single-stream, offline or server.")] = None,
    latency_limit: Annotated[
        str | None, typer.Option("--latency-limit", "--bound", help="server: what 99% of the queries may take: 50ms.")
    ] = None,
    runtime: Annotated[
        str | None, typer.Option(help="What runs the artifacts, where their format leaves a choice.")
    ] = None,
    timeout: Annotated[float | None, typer.Option(help="Seconds that a task may take.")] = None,
    memory: Annotated[str | None, typer.Option(help="Memory that a task may take: 8GB.")] = None,
    fresh: Annotated[bool | None, typer.Option("--fresh", help="Measure again what is stored already.")] = None,
    seed: Annotated[int | None, typer.Option(help="For techniques and the order of measuring.")] = None,
    name: Annotated[str | None, typer.Option(help="The name under which a path is pushed.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Stay until it has ended, then print the table.")] = False,
    search: Annotated[bool, typer.Option("--search", help="Look for the best recipes; see docs/search.md.")] = False,
    trials: Annotated[int | None, typer.Option(help="--search: recipes to try; 40 when left out.")] = None,
    minutes: Annotated[float | None, typer.Option(help="--search: for how long new recipes are tried.")] = None,
    max_steps: Annotated[int | None, typer.Option(help="--search: steps of a recipe; 3 when left out.")] = None,
    sampler: Annotated[str | None, typer.Option(help="--search: tpe or nsga2.")] = None,
    as_json: Json = False,
) -> None:
    """Run recipes on devices and compare each with the baseline."""
    from optfarm.cli import search as searching
    from optfarm.errors import BadRequest
    from optfarm.flag_values import numbers
    from optfarm.sweep_settings import read_yaml, settings_of

    flags = {
        "model": model,
        "recipes": [*_listed(techniques), *(recipe or [])] or None,
        "data": data,
        "devices": [part for text in devices for part in text.split(",")] if devices else None,
        "effort": effort,
        "threads": None if threads is None else numbers(threads, "threads"),
        "batch_sizes": None if batch_sizes is None else numbers(batch_sizes, "batch-sizes"),
        "scenario": scenario,
        "latency_limit": latency_limit,
        "runtime": runtime,
        "timeout": timeout,
        "memory": memory,
        "fresh": fresh,
        "seed": seed,
    }
    settings = settings_of(flags)
    settings = settings.over(read_yaml(file)) if file else settings
    of_search = {"trials": trials, "minutes": minutes, "max_steps": max_steps, "sampler": sampler}
    searching.check(settings, of_search, is_wanted=search)
    if not settings.model:
        raise BadRequest("which model? Give its path or its name: optfarm sweep run MODEL")
    settings.but(recipes=("baseline",)).spec()
    given = pushing.read(settings, name=name, base=file.parent if file else None)
    with farm() as opened:
        named = settings.but(recipes=("baseline",) if search else _recipes(opened, settings))
        ready = given.pushed(opened, named)
        if search:
            searching.run(opened, ready.but(recipes=settings.recipes), of_search, as_json=as_json)
            return
        submitted = opened.submit(ready.spec())
        _print_receipt(submitted, as_json=None if wait else as_json)
        if wait:
            _wait(submitted, as_json=as_json)


@app.command("list")
def list_sweeps(*, as_json: Json = False) -> None:
    """List the sweeps, the newest first."""
    from datetime import UTC, datetime

    from optfarm.summaries import HEADINGS, row_of

    with farm() as opened:
        found, now = opened.sweeps(), datetime.now(UTC)
    print_list(found, HEADINGS, lambda each: row_of(each, now=now), as_json=as_json)


@app.command()
def rename(
    sweep: Id, label: Annotated[str, typer.Argument(help="What people call it.")], *, as_json: Json = False
) -> None:
    """Give a sweep a label; its id stays what commands take."""
    with farm() as opened:
        status = opened.rename_sweep(sweep, label)
    if as_json:
        print_json(status)
    else:
        note(f"sweep {sweep} is called {status.label} now")


@app.command()
def show(sweep: Id, *, as_json: Json = False) -> None:
    """Show where a sweep and each of its tasks stand."""
    from optfarm.progress import headline, running_lines
    from optfarm.waits import waiting_lines

    with farm() as opened:
        status = opened.find_sweep(sweep).status()
    if as_json:
        print_json(status)
        return
    called = "" if status.label is None else f" ({status.label})"
    say(f"sweep {status.id}{called} of {status.spec.model}: {status.state}, {headline(status)}")
    rows = [
        (task.id, task.kind, task.label, task.device or "", "cached" if task.cached else task.state)
        for task in status.tasks
    ]
    print_table(("task", "kind", "of", "device", "state"), rows)
    now = datetime.now(UTC)
    say(*running_lines(status, now), *waiting_lines(status, now), *status.problems)


@app.command()
def watch(sweep: Id, *, as_json: Json = False) -> None:
    """Show a running sweep until it has ended, then its table."""
    with farm() as opened:
        _wait(opened.find_sweep(sweep), as_json=as_json)


@app.command()
def cancel(sweep: Id, *, as_json: Json = False) -> None:
    """End what runs and drop what waits; what is measured already stays."""
    from optfarm.progress import headline

    with farm() as opened:
        status = opened.find_sweep(sweep).cancel()
    if as_json:
        print_json(status)
        return
    note(f"sweep {sweep} is {status.state}: {headline(status)}")


def _listed(techniques: str | None) -> list[str]:
    from optfarm.errors import BadRequest
    from optfarm.flag_values import listed

    found = listed(techniques or "")
    if techniques is not None and not found:
        raise BadRequest("--techniques names none; leave it out for all of them")
    return found


def _recipes(opened: "Farm", settings: "SweepSettings") -> tuple[str, ...]:
    """What was asked for, with each technique in place of `all`."""
    named = [str(recipe) for recipe in settings.recipes or (_ALL,)]
    every = opened.every_technique() if _ALL in named else ()
    return (*every, *(recipe for recipe in named if recipe != _ALL))


def _print_receipt(sweep: "Sweep", *, as_json: bool | None) -> None:
    receipt = sweep.receipt
    if receipt is None:
        return
    if as_json:
        print_json(receipt)
        return
    cached = f", {receipt.cached} of them from the store" if receipt.cached else ""
    note(f"sweep {receipt.id}: {receipt.tasks} tasks{cached}, on {', '.join(receipt.devices)}")
    for warning in receipt.warnings:
        note(f"warning: {warning}")
    for each in receipt.skipped:
        note(f"skipped {each.recipe}{f' on {each.device}' if each.device else ''}: {each.reason}")
    if as_json is False:
        note(f"watch it: optfarm sweep watch {receipt.id}")


def _wait(sweep: "Sweep", *, as_json: bool) -> None:
    from optfarm.progress import exit_code

    try:
        status = live.show(sweep)
    except KeyboardInterrupt:
        note(f"\ndetached; sweep {sweep.id} goes on. Watch it again: optfarm sweep watch {sweep.id}")
        raise typer.Exit(INTERRUPTED) from None
    report = sweep.report()
    if as_json:
        print_json(report.facts)
    else:
        print_report(report.facts)
    raise typer.Exit(exit_code(status))
