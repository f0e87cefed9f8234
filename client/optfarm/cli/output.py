"""What commands share: options, and printing: results on stdout, as JSON or for people; all else on stderr."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from optfarm import Farm
    from optfarm.transfer import OnProgress
    from optfarm_tasks.schema.catalog import Data, Model

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Folder = Annotated[Path | None, typer.Option("--folder", help="The farm's folder; see docs/embedded.md.")]
INTERRUPTED = 130
"""The exit code after Ctrl-C."""
T = TypeVar("T")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_PIPE_WIDTH = 160


def note(text: str) -> None:
    """Prints a line for people that is no result."""
    print(plain(text), file=sys.stderr, flush=True)


def note_replaced(pushed: "Model | Data") -> None:
    """Says that a name meant something else until it was pushed, and how that is still called."""
    if pushed.replaced is not None:
        note(f"{pushed.name} meant something else until now, which is still there as {pushed.replaced}")


def plain(text: str) -> str:
    """A text without control characters but tabs and line ends: a model's log could steer the terminal with them."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def print_json(value: Any) -> None:
    """Prints a value, or a sequence of them, as JSON that says which schema it follows."""
    from pydantic_core import to_jsonable_python

    text = json.dumps(_versioned(to_jsonable_python(value)), indent=2, ensure_ascii=False)
    print(_CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", text))


def _versioned(plain_value: Any) -> Any:
    """Each object at the top with its schema_version."""
    if isinstance(plain_value, list):
        return [_versioned(each) for each in plain_value]
    return {"schema_version": 1} | plain_value if isinstance(plain_value, dict) else plain_value


def say(*lines: str) -> None:
    """Prints lines of a result for people."""
    for line in lines:
        print(plain(line))


def room() -> int | None:
    """How many characters a line of stdout may take; None where nobody said, as in a pipe without COLUMNS."""
    from rich.console import Console

    is_known = sys.stdout.isatty() or os.environ.get("COLUMNS", "").isdecimal()
    return Console().width if is_known else None


def console(table: "Table | None" = None) -> "Console":
    """Where tables go: as wide as the terminal, or as COLUMNS says, or else 160 characters wide.

    A table that is given is printed whole: where nobody said how wide a pipe is, and where it shows all it has.
    """
    from rich.console import Console
    from rich.measure import Measurement

    out = Console(highlight=False, width=room() or _PIPE_WIDTH)
    if table is None:
        return out
    endless = Console(width=10_000)
    widest = Measurement.get(endless, endless.options, table).maximum
    return Console(highlight=False, width=max(out.width, widest))


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, title: str | None = None) -> None:
    """Prints rows of text under headings."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(
        *headings,
        title=None if title is None else escape(plain(title)),
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for row in rows:
        table.add_row(*(escape(plain(cell)) for cell in row))
    console(table if room() is None else None).print(table)


def print_list(
    found: Sequence[T], headings: Sequence[str], row: Callable[[T], Sequence[str]], *, as_json: bool
) -> None:
    """Prints what was found as JSON, or as a table with a row each."""
    if as_json:
        print_json(found)
    else:
        print_table(headings, map(row, found))


@contextmanager
def farm(url: str | None = None, token: str | None = None, *, retry_s: float | None = None) -> Iterator["Farm"]:
    """The farm of this user; stderr says when it is away."""
    from optfarm.farm import Farm

    with Farm(url, token, retry_s=retry_s, on_wait=note) as opened:
        yield opened


@contextmanager
def moving(what: str) -> Iterator["OnProgress"]:
    """A counter of bytes on stderr, for terminals only."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import FileSizeColumn, Progress, TextColumn, TransferSpeedColumn

    # How much is left nobody knows: what the farm has is found out on the way.
    columns = (TextColumn("{task.description}"), FileSizeColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        counter = progress.add_task(escape(plain(what)), total=None)
        yield lambda size: progress.advance(counter, size)


def size_text(size_bytes: int | None) -> str:
    """A size in MB as tables print it."""
    return "" if size_bytes is None else f"{size_bytes / 1e6:.3g} MB"
