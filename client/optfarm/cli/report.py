"""`optfarm report`: the table of a sweep."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from optfarm.cli.output import Json, console, farm, note, plain, print_json, room
from optfarm.report_formats import ReportFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optfarm.columns import Column
    from optfarm.report import Report as Found
    from optfarm_tasks.schema.sweep import Row, SweepReport


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
    wide: Annotated[
        bool, typer.Option("--wide", help="Show all columns, also packed sizes, memory and energy.")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="With --format: the folder for its files.")] = None,
) -> None:
    """Print the table of a sweep: a table a device, and below it what needs saying."""
    from optfarm.errors import BadRequest
    from optfarm.loss import allowed

    if shape is None and to is not None:
        raise BadRequest("--to is the folder for the files of --format")
    if shape is not None and (as_csv or as_markdown or wide or max_loss is not None):
        raise BadRequest("--format goes alone, or with --to and --json")
    if as_json + as_csv + as_markdown > 1:
        raise BadRequest("--json, --csv and --markdown exclude each other; give one of them")
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
        print(plain(found.to_csv(limit)), end="")
    elif as_markdown:
        print(plain(found.to_markdown(limit)), end="")
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
            print_json({"files": paths})
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
        wide: shows every column, however wide the table gets.
    """
    from rich.markup import escape

    from optfarm.columns import columns_of
    from optfarm.notes import notes_of
    from optfarm.table import devices_of, hardware_line

    columns = columns_of(facts, max_loss=max_loss, wide=wide)
    out, left_out = console(), dict[str, None]()
    named = escape(plain(facts.model))
    out.print(f"[bold]sweep {facts.sweep_id} of {named}[/bold] ({facts.state}, effort {facts.effort})")
    for device in devices_of(facts):
        out.print()
        out.print(f"[bold]{escape(plain(hardware_line(facts, device)))}[/bold]")
        rows = [row for row in facts.rows if row.device == device]
        left_out |= dict.fromkeys(_print_rows(columns, rows, width=None if wide else room()))
    lines = [f"left out for want of room, --wide shows all: {', '.join(left_out)}"] if left_out else []
    for line in (*lines, *notes_of(facts, max_loss=max_loss, wide=wide)):
        out.print(f"• {escape(plain(line))}")


def _print_rows(columns: "Sequence[Column]", rows: "Sequence[Row]", *, width: int | None) -> tuple[str, ...]:
    """Prints rows in columns, as far as these fit a width; gives the headings of those that were left out."""
    from rich.markup import escape
    from rich.table import Table

    from optfarm.columns import cells_of
    from optfarm.layout import GAP, fitted, laid

    whole = laid(columns, [tuple(map(plain, cells_of(columns, row))) for row in rows])
    shown = whole if width is None else fitted(whole, width)
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for each in shown:
        justify: Literal["left", "right"] = "left" if each.column.is_text else "right"
        table.add_column(each.column.heading, justify=justify, width=each.width, overflow="fold")
    for row, cells in zip(rows, zip(*(each.cells for each in shown), strict=True), strict=True):
        has_failed = row.failure is not None and not row.failure.is_skip
        is_bad = has_failed or (row.quality is not None and row.quality.collapsed)
        table.add_row(*map(escape, cells), style="red" if is_bad else None)
    console(table if width is None else None).print(table)
    kept = {each.column.heading for each in shown}
    return tuple(each.column.heading for each in whole if each.column.heading not in kept)
