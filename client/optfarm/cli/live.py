"""Shows a sweep while it runs: a live view on a terminal, plain lines elsewhere; always on stderr."""

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from optfarm.cli.output import note, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from optfarm.sweep import Sweep
    from optfarm_tasks.schema.sweep import SweepStatus


def show(sweep: "Sweep", *, heading: str | None = None) -> "SweepStatus":
    """Follows a sweep to its end and shows it, below a heading; gives its last state."""
    if sys.stderr.isatty():
        return _on_terminal(sweep, heading)
    if heading is not None:
        note(heading)
    return _in_lines(sweep)


def _on_terminal(sweep: "Sweep", heading: str | None) -> "SweepStatus":
    from rich.console import Console
    from rich.live import Live

    states = sweep.follow()
    status = next(states)
    # Drawn anew at each refresh, for the ages in it grow.
    with Live(
        get_renderable=lambda: _view(status, heading),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=8,
    ):
        for newest in states:
            status = newest
    return status


def _in_lines(sweep: "Sweep") -> "SweepStatus":
    from optfarm.progress import headline, news

    before = None
    for status in sweep.follow():
        for line in news(before, status, datetime.now(UTC)):
            note(line)
        before = status
    note(headline(status))
    return status


def _view(status: "SweepStatus", heading: str | None) -> "RenderableType":
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    from optfarm.progress import done_count, headline, running_lines
    from optfarm.waits import waiting_lines

    view = Table.grid()
    if heading is not None:
        view.add_row(Text(heading))
    view.add_row(Text(headline(status)))
    view.add_row(ProgressBar(total=max(1, len(status.tasks)), completed=done_count(status), width=60))
    now = datetime.now(UTC)
    lines = (*running_lines(status, now), *waiting_lines(status, now))
    for line in (*(f"  {line}" for line in lines), *status.problems):
        view.add_row(Text(plain(line)))
    return view
