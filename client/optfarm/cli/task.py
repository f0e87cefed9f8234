"""`optfarm task`: one task of a sweep, its log, and its replay."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from optfarm.cli.output import Json, farm, note, plain, print_json, print_table, say

app = typer.Typer(name="task", help="Show, read and replay tasks.", no_args_is_help=True)
Task = Annotated[str, typer.Argument(help="The task's id; `optfarm sweep show` lists them.")]


@app.command()
def show(task: Task, *, as_json: Json = False) -> None:
    """Show a task: where it runs or for what it waits, how it ended, what it found out."""
    from optfarm.notes import failure_lines
    from optfarm.waits import in_words

    with farm() as opened:
        status = opened.task(task)
    if as_json:
        print_json(status)
        return
    facts = status.model_dump(mode="json", exclude={"result", "failure", "tried", "schema_version"})
    if status.progress is not None:
        facts["progress"] = f"{status.progress.phase} {status.progress.fraction:.0%}"
    if status.waiting is not None:
        facts["waiting"] = in_words(status.waiting, datetime.now(UTC))
    print_table(("", ""), [(name, str(value)) for name, value in facts.items() if value not in (None, [], "")])
    for each in status.tried:
        say(f"before that on {each.device}: {each.why}")
    if status.failure is not None:
        say(*failure_lines(status.failure))
    if status.result is not None:
        say(status.result.facts.model_dump_json(indent=2))


@app.command()
def logs(task: Task, *, as_json: Json = False) -> None:
    """Print the whole log of a task that has ended."""
    with farm() as opened:
        text = opened.task_log(task)
    if as_json:
        print_json({"task": task, "log": text})
        return
    shown = plain(text) if sys.stdout.isatty() else text
    print(shown, end="" if shown.endswith("\n") else "\n")


@app.command()
def replay(
    task: Annotated[str, typer.Argument(help="A task's id, or a folder that was fetched before.")],
    *,
    folder: Annotated[Path | None, typer.Option(help="Where a task's files go; task-ID when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Run a task again on this machine, without the farm. The model's code runs with your rights."""
    from optfarm import replay as replaying

    place = Path(task)
    if not (place / "task.json").is_file():
        place = folder or Path(f"task-{task}")
        with farm() as opened:
            replaying.bring(opened, task, place)
        note(f"fetched {task} into {place}")
    for difference in replaying.differing_versions(place):
        note(f"other version: {difference}")
    outcome = replaying.run(place)
    if as_json:
        print_json(outcome)
    elif outcome.failure is not None:
        say(outcome.failure.ending)
    else:
        say(f"done; its outputs lie in {place / 'outputs'}, its facts in {place / 'result.json'}")
    raise typer.Exit(0 if outcome.failure is None or outcome.failure.is_skip else 1)
