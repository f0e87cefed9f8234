"""`optfarm sweep run MODEL --search`: a search, its progress, and the front that it found."""

from typing import TYPE_CHECKING, Any

import typer

from optfarm.cli import live
from optfarm.cli.failure import failure_of
from optfarm.cli.output import INTERRUPTED, note, print_json, print_table, say

if TYPE_CHECKING:
    from optfarm import Farm
    from optfarm.search.question import Question
    from optfarm.search.report import SearchReport
    from optfarm.search.search import Search, Turn
    from optfarm.sweep_settings import SweepSettings


def check(settings: "SweepSettings", flags: dict[str, Any], *, is_wanted: bool) -> None:
    """Refuses what cannot be searched for before anything is pushed.

    Raises:
        BadRequest: a setting is wrong, belongs to a search only, or Optuna is not installed.
    """
    from optfarm.errors import BadRequest

    if is_wanted:
        from optfarm.search.proposer import load_optuna

        load_optuna()
        _question(settings if settings.model else settings.but(model="any"), flags)
    elif given := next((name for name, value in flags.items() if value is not None), None):
        raise BadRequest(f"--{given.replace('_', '-')} belongs to a search; add --search")


def run(opened: "Farm", settings: "SweepSettings", flags: dict[str, Any], *, as_json: bool) -> None:
    """Runs a search to its end, or to Ctrl-C, and prints what it found so far in any case."""
    from optfarm.errors import FarmError
    from optfarm.search.search import Search

    search = Search(opened, _question(settings, flags))
    for each in search.report().left_out:
        note(f"left out {each.technique}: {each.reason}")
    try:
        for turn in search.turns():
            _show(search, turn)
    except KeyboardInterrupt:
        left = f"Sweep {search.running} goes on by itself unless you end it: optfarm sweep cancel {search.running}. "
        note(f"\nstopped. {left if search.running else ''}The same command again goes on from all finished work.")
        _print(search.report(), as_json=as_json)
        raise typer.Exit(INTERRUPTED) from None
    except FarmError as error:
        if not as_json:
            _print(search.report(), as_json=False)
            raise
        failure = failure_of(error)
        print_json(search.report().to_json() | failure.to_json())
        raise typer.Exit(failure.exit_code) from error
    found = search.report()
    _print(found, as_json=as_json)
    raise typer.Exit(0 if any(trial.number and trial.is_measured for trial in found.trials) else 1)


def _question(settings: "SweepSettings", flags: dict[str, Any]) -> "Question":
    from optfarm.search.question import question

    return question(settings, **{name: value for name, value in flags.items() if value is not None})


def _show(search: "Search", turn: "Turn") -> None:
    from optfarm.search.table import headline

    found = search.report()
    progress = headline(found.trials, found.best(), search.asked.budget, elapsed_s=search.elapsed_s)
    what = f"sweep {turn.sweep.id} measures {len(turn.recipes)} with effort {turn.effort}"
    live.show(turn.sweep, heading=f"{progress}; {what}")


def _print(report: "SearchReport", *, as_json: bool) -> None:
    from optfarm.search.table import HEADINGS, shown_row

    if as_json:
        print_json(report.to_json())
        return
    print_table(HEADINGS, map(shown_row, report.front), title=f"search of {report.model} on {report.device}")
    say(*(f"• {line}" for line in report.notes()))
