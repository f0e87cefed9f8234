"""`optfarm bundle`: one file with everything that a sweep's numbers rest on, and its check without the farm."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli.output import Json, farm, moving, note, print_json, print_table, say

if TYPE_CHECKING:
    from optfarm.bundle.verify import Verification

app = typer.Typer(
    name="bundle", help="Export what a sweep's numbers rest on, and verify it offline.", no_args_is_help=True
)


@app.command()
def export(
    sweep: Annotated[str, typer.Argument(help="The sweep's id.")],
    *,
    to: Annotated[Path | None, typer.Option(help="The tar file; SWEEP.tar when left out.")] = None,
    with_artifacts: Annotated[
        bool, typer.Option("--with-artifacts", help="Take the optimised models along, not their digests alone.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write report, tasks, results, raw samples and digests into one tar file, the same bytes each time."""
    target = to or Path(f"{sweep}.tar")
    with farm() as opened, moving(f"collecting {sweep}") as on_progress:
        manifest = opened.find_sweep(sweep).bundle(target, with_artifacts=with_artifacts, on_progress=on_progress)
    if as_json:
        print_json({"bundle": str(target), "manifest": manifest})
        return
    note(f"{len(manifest.files)} files of sweep {sweep} lie in {target}; check them: optfarm bundle verify {target}")


@app.command()
def verify(file: Annotated[Path, typer.Argument(help="The tar file.")], *, as_json: Json = False) -> None:
    """Check every digest and compute every number again, without a farm; exit code 1 when something differs."""
    from optfarm.bundle.verify import verify as verified

    found = verified(file)
    if as_json:
        print_json({"agrees": found.agrees, **vars(found)})
    else:
        _print(found)
    raise typer.Exit(int(not found.agrees))


def _print(found: "Verification") -> None:
    rows = [
        (check.recipe, check.device, str(check.threads), str(check.batch_size), str(check.finding))
        for check in found.checks
    ]
    print_table(("method", "device", "threads", "batch", "numbers"), rows)
    of_checks = (f"{check.recipe} on {check.device}: {line}" for check in found.checks for line in check.differences)
    for line in (*found.differences, *of_checks):
        say(f"• {line}")
    models = "and artifacts" if found.has_artifacts else "without artifacts"
    note(f"{len(found.manifest.files)} digests are right ({models}); sha256 of the bundle: {found.sha256}")
