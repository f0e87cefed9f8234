"""`optfarm artifact`: the optimised models that a sweep made."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli.output import Json, farm, moving, note, print_json, print_table, size_text

if TYPE_CHECKING:
    from optfarm.report import Report
    from optfarm.row import Row

app = typer.Typer(name="artifact", help="List and pull artifacts.", no_args_is_help=True)
Sweep = Annotated[str, typer.Argument(help="The sweep's id.")]


@app.command("list")
def list_artifacts(sweep: Sweep, *, as_json: Json = False) -> None:
    """List the artifacts of a sweep."""
    with farm() as opened:
        rows = [row.facts for row in _made(opened.find_sweep(sweep).report())]
    if as_json:
        fields = {"recipe", "artifact", "convert_task", "size_bytes", "gzip_bytes", "zstd_bytes", "format"}
        print_json([row.model_dump(mode="json", include=fields) for row in rows])
        return
    shown = [(str(row.recipe), row.format or "", size_text(row.size_bytes), (row.artifact or "")[:12]) for row in rows]
    print_table(("recipe", "format", "size", "digest"), shown)


@app.command()
def pull(
    sweep: Sweep,
    recipe: Annotated[str, typer.Argument(help="The recipe that made it, as the table writes it.")],
    *,
    to: Annotated[Path | None, typer.Option(help="The folder for its files; made when there is none.")] = None,
    device: Annotated[str | None, typer.Option(help="Where it is timed, if GPUs have engines of their own.")] = None,
    as_json: Json = False,
) -> None:
    """Bring an artifact's files into a folder; every byte is checked."""
    with farm() as opened, moving(f"pulling {recipe}") as on_progress:
        row = chosen(opened.find_sweep(sweep).report(), recipe, device=device)
        folder = row.pull(to or Path(re.sub(r"[^A-Za-z0-9._-]+", "-", row.recipe).strip("-")), on_progress=on_progress)
    if as_json:
        print_json({"folder": str(folder), "artifact": row.facts.artifact})
        return
    note(f"{row.recipe} lies in {folder}")


def _made(report: "Report") -> list["Row"]:
    """The first row of each artifact of each recipe."""
    made: dict[tuple[str, str], Row] = {}
    for row in report.rows:
        if row.facts.artifact is not None:
            made.setdefault((row.recipe, row.facts.artifact), row)
    return list(made.values())


def chosen(report: "Report", recipe: str, *, device: str | None = None) -> "Row":
    """The row of a recipe's artifact, however the recipe is written.

    Raises:
        BadRequest: it made several, one for each kind of GPU, and no device is named.
        NotFound: the sweep has none.
    """
    from optfarm.errors import BadRequest, NotFound
    from optfarm_tasks.schema.recipe import Recipe

    wanted = str(Recipe.parse(recipe))
    made = [row for row in report.rows if row.facts.artifact is not None and row.recipe == wanted]
    rows = [row for row in made if device in (None, row.facts.device)]
    if len({row.facts.artifact for row in rows}) > 1:
        devices = ", ".join(dict.fromkeys(row.facts.device for row in rows))
        raise BadRequest(f"{wanted} made an artifact for each kind of GPU; name one of {devices}: --device NAME")
    if rows:
        return rows[0]
    if made:
        devices = ", ".join(dict.fromkeys(row.facts.device for row in made))
        raise NotFound(f"{wanted} has no artifact for {device}; it has some for {devices}")
    there = ", ".join(dict.fromkeys(row.recipe for row in _made(report))) or "none"
    raise NotFound(f"sweep {report.facts.sweep_id} has no artifact of {wanted!r}; it has {there}")
