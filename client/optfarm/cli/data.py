"""`optfarm data`: push and list data sets."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli.output import Json, farm, moving, note, print_json, print_list, size_text

if TYPE_CHECKING:
    from optfarm_tasks.schema.sweep import Data

app = typer.Typer(name="data", help="Push and list data sets.", no_args_is_help=True)


@app.command()
def push(
    path: Annotated[Path, typer.Argument(help="An .npz with keys calibration/NAME, test/NAME, train/NAME and labels.")],
    *,
    name: Annotated[str | None, typer.Option(help="How sweeps call it; the file's name when left out.")] = None,
    as_json: Json = False,
) -> None:
    """Send a data set to the farm."""
    with farm() as opened, moving(f"pushing {path.name}") as on_progress:
        sent = opened.push_data(path, name, on_progress=on_progress)
    if as_json:
        print_json(sent)
        return
    splits = ", ".join(f"{split.count} {name}" for name, split in sent.description.splits.items())
    note(f"{sent.name} has {splits} samples, {size_text(sent.tree.size_bytes)}, digest {sent.digest[:12]}")


@app.command("list")
def list_data(*, as_json: Json = False) -> None:
    """List the data sets that were pushed."""
    with farm() as opened:
        found = opened.data_sets()
    print_list(found, ("data", "samples", "size", "digest", "pushed"), _row, as_json=as_json)


def _row(data: "Data") -> tuple[str, ...]:
    samples = ", ".join(f"{name} {split.count}" for name, split in data.description.splits.items())
    return data.name, samples, size_text(data.tree.size_bytes), data.digest[:12], f"{data.created_at:%F %R}"
