"""`optfarm model` and `optfarm data`: push, list, show and rename what sweeps are run on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from optfarm.cli.output import (
    Json,
    farm,
    moving,
    note,
    note_replaced,
    print_json,
    print_list,
    print_table,
    say,
    size_text,
)

if TYPE_CHECKING:
    from optfarm_tasks.description import ModelDescription
    from optfarm_tasks.schema.catalog import Data, Model
    from optfarm_tasks.schema.feeding import Feeding

models = typer.Typer(name="model", help="Push, list, show and rename models.", no_args_is_help=True)
data_sets = typer.Typer(name="data", help="Push, list and rename data sets.", no_args_is_help=True)
Names = list[str] | None
Old = Annotated[str, typer.Argument(help="The name that it has.")]
New = Annotated[str, typer.Argument(help="The name that it gets.")]
Name = Annotated[str | None, typer.Option(help="How sweeps call it; the file's name when left out.")]


@models.command("push")
def push_model(
    path: Annotated[Path, typer.Argument(help="A SavedModel folder, or one file of a model.")],
    *,
    name: Name = None,
    inputs: Annotated[Names, typer.Option("--input", help="Feed an input that has a default; may be repeated.")] = None,
    outputs: Annotated[Names, typer.Option("--output", help="Fetch this output alone; may be repeated.")] = None,
    constants: Annotated[Names, typer.Option("--constant", help="Give an input one value: NAME=VALUE.")] = None,
    batch_axes: Annotated[
        Names, typer.Option("--batch-axis", help="Which axis of an input counts the samples: NAME=AXIS, or NAME=none.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send a model to the farm; what the farm has already is not sent again.

    What is said of inputs and outputs is kept with the model, until the same name is pushed with something else.
    """
    from optfarm.flag_values import feeding_of

    feeding = feeding_of(inputs or (), outputs or (), constants or (), batch_axes or ())
    with farm() as opened, moving(f"pushing {path.name}") as on_progress:
        sent = opened.push_model(path, name, feeding=feeding, on_progress=on_progress)
    if as_json:
        print_json(sent)
        return
    size = size_text(sent.tree.size_bytes)
    note(f"{sent.name} is {sent.description.format}, {size}, digest {sent.digest[:12]}")
    note_replaced(sent)
    for line in signature_lines(sent.description):
        note(line)


@models.command("list")
def list_models(*, as_json: Json = False) -> None:
    """List the models that were pushed."""
    with farm() as opened:
        found = opened.models()
    print_list(found, ("model", "format", "size", "digest", "pushed"), _model_row, as_json=as_json)


@models.command("rename")
def rename_model(old: Old, new: New, *, as_json: Json = False) -> None:
    """Give a model another name; sweeps that asked for it by the old one go on to mean it."""
    with farm() as opened:
        renamed = opened.rename_model(old, new)
    _print_renamed(renamed, old, as_json=as_json)


@models.command()
def show(name: Annotated[str, typer.Argument(help="Name or digest.")], *, as_json: Json = False) -> None:
    """Show a model's signatures, operations and files."""
    with farm() as opened:
        found = opened.model(name)
    if as_json:
        print_json(found)
        return
    say(f"{found.name}  {found.digest}")
    about = found.description
    weights = "" if about.parameters is None else f", {about.parameters:,} parameters"
    say(f"{about.format}, {size_text(about.size_bytes)}{weights}", *signature_lines(about))
    if about.ops:
        ops = sorted(about.ops.items(), key=lambda item: -item[1])
        say(f"operations: {', '.join(f'{count} {op}' for op, count in ops)}")
    print_table(("file", "size"), [(file.path, size_text(file.size_bytes)) for file in found.tree.files])


def signature_lines(description: "ModelDescription") -> list[str]:
    """How a model is called, in lines of text."""
    lines = []
    for signature in description.signatures:
        lines.append(f"signature {signature.name}")
        lines += [f"  in   {tensor}" for tensor in signature.inputs]
        lines += [f"  in   {tensor}, optional: its default stands" for tensor in signature.optional]
        lines += [f"  out  {tensor}" for tensor in signature.outputs]
    kept = [f"  keeps state between calls: {', '.join(description.state)}"] if description.state else []
    return [*lines, *_feeding_lines(description.feeding), *kept]


def _feeding_lines(feeding: "Feeding") -> list[str]:
    constants = [f"  {name} is always {value}" for name, value in feeding.constants.items()]
    axes = [
        f"  {name} has no axis for samples" if axis is None else f"  axis {axis} of {name} counts the samples"
        for name, axis in feeding.batch_axes.items()
    ]
    return [*constants, *axes]


@data_sets.command("push")
def push_data(
    path: Annotated[Path, typer.Argument(help="An .npz with keys calibration/NAME, test/NAME, train/NAME and labels.")],
    *,
    name: Name = None,
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
    note_replaced(sent)


@data_sets.command("rename")
def rename_data(old: Old, new: New, *, as_json: Json = False) -> None:
    """Give a data set another name; sweeps that asked for it by the old one go on to mean it."""
    with farm() as opened:
        renamed = opened.rename_data(old, new)
    _print_renamed(renamed, old, as_json=as_json)


@data_sets.command("list")
def list_data(*, as_json: Json = False) -> None:
    """List the data sets that were pushed."""
    with farm() as opened:
        found = opened.data_sets()
    print_list(found, ("data", "samples", "size", "digest", "pushed"), _data_row, as_json=as_json)


def _print_renamed(renamed: "Model | Data", old: str, *, as_json: bool) -> None:
    if as_json:
        print_json(renamed)
    else:
        note(f"{old} is {renamed.name} now, digest {renamed.digest[:12]}")


def _model_row(model: "Model") -> tuple[str, ...]:
    size, pushed = size_text(model.tree.size_bytes), f"{model.created_at:%F %R}"
    return model.name, model.description.format, size, model.digest[:12], pushed


def _data_row(data: "Data") -> tuple[str, ...]:
    samples = ", ".join(f"{name} {split.count}" for name, split in data.description.splits.items())
    return data.name, samples, size_text(data.tree.size_bytes), data.digest[:12], f"{data.created_at:%F %R}"
