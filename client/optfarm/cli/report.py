"""`optfarm report`: the table of a sweep."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from optfarm.cli.output import Json, console, farm, note, print_json
from optfarm.report_formats import ReportFormat

if TYPE_CHECKING:
    from optfarm.report import Report as Found
    from optfarm_tasks.schema.sweep import SweepReport


_METHOD_WIDTH = 30
"""Up to here a method is never broken, however narrow the terminal."""


def report(
    sweep: Annotated[str, typer.Argument(help="The sweep's id.")],
    *,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the numbers as CSV.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    max_loss: Annotated[str | None, typer.Option(help="Gate on the loss of quality: 0.5% or 0.005.")] = None,
    shape: Annotated[
        ReportFormat | None, typer.Option("--format", help="Write another tool's report; see docs/report-formats.md.")
    ] = None,
    wide: Annotated[bool, typer.Option("--wide", help="Add packed sizes, memory and energy to the table.")] = False,
    to: Annotated[Path | None, typer.Option(help="With --format: the folder for its files.")] = None,
) -> None:
    """Print the table of a sweep: a table a device, and below it what needs saying."""
    from optfarm.errors import BadRequest
    from optfarm.loss import allowed

    if shape is None and to is not None:
        raise BadRequest("--to is the folder for the files of --format")
    if shape is not None and (as_csv or as_markdown or wide or max_loss is not None):
        raise BadRequest("--format goes alone, or with --to and --json")
    if wide and (as_json or as_csv or as_markdown):
        raise BadRequest("--wide is of the table for a terminal; --json and --csv hold every number")
    limit = None if max_loss is None else allowed(max_loss)
    with farm() as opened:
        found = opened.find_sweep(sweep).report()
        if shape is not None:
            _export(found, shape, to, as_json=as_json)
            return
    if as_json:
        print_json(found.facts if limit is None else _gated(found.facts, limit))
    elif as_csv:
        print(found.to_csv(), end="")
    elif as_markdown:
        print(found.to_markdown(), end="")
    else:
        print_report(found.facts, max_loss=limit, wide=wide)


def _export(found: "Found", shape: ReportFormat, folder: Path | None, *, as_json: bool) -> None:
    from optfarm.errors import BadRequest
    from optfarm.report_formats.documents import write

    texts = found.documents(shape)
    if folder is not None:
        paths = write(texts, folder)
        note(f"{len(paths)} files lie in {folder}")
        if as_json:
            print_json([str(path) for path in paths])
    elif as_json:
        print_json(texts)
    elif len(texts) == 1:
        print(*texts.values(), end="")
    else:
        raise BadRequest(f"{shape} takes {len(texts)} files; name a folder for them: --to DIR")


def _gated(facts: "SweepReport", max_loss: float) -> dict[str, Any]:
    from optfarm.columns import gate_text

    plain = facts.model_dump(mode="json")
    rows = [
        {**row, "gate": gate_text(each, max_loss) or None} for row, each in zip(plain["rows"], facts.rows, strict=True)
    ]
    return {**plain, "max_loss": max_loss, "rows": rows}


def print_report(facts: "SweepReport", *, max_loss: float | None = None, wide: bool = False) -> None:
    """Prints a report for people.

    Args:
        facts: the report.
        max_loss: adds what a gate says of each variant.
        wide: adds packed sizes, memory and energy.
    """
    from rich.markup import escape
    from rich.table import Table

    from optfarm.columns import cells_of, columns_of
    from optfarm.notes import notes_of
    from optfarm.table import devices_of, hardware_line

    columns = columns_of(facts, max_loss=max_loss, wide=wide)
    out = console(wide=wide)
    out.print(f"[bold]sweep {facts.sweep_id} of {escape(facts.model)}[/bold] ({facts.state}, effort {facts.effort})")
    for device in devices_of(facts):
        rows = [(row, cells_of(columns, row)) for row in facts.rows if row.device == device]
        table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
        for column in columns:
            justify: Literal["left", "right"] = "left" if column.is_text else "right"
            table.add_column(column.heading, justify=justify, no_wrap=column.is_whole)
        table.columns[0].min_width = min(_METHOD_WIDTH, max(len(cells[0]) for _, cells in rows))
        for row, cells in rows:
            is_bad = (row.failure is not None and not row.failure.is_skip) or (
                row.quality is not None and row.quality.collapsed
            )
            table.add_row(*map(escape, cells), style="red" if is_bad else None)
        out.print()
        out.print(f"[bold]{escape(hardware_line(facts, device))}[/bold]")
        out.print(table)
    for line in notes_of(facts, max_loss=max_loss, wide=wide):
        out.print(f"• {escape(line)}")
