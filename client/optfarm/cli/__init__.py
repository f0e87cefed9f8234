"""The `optfarm` command."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from optfarm.cli import (
    artifact,
    bundle,
    catalog,
    devices,
    embedded,
    failure,
    profile,
    report,
    sweep,
    task,
    techniques,
    verify,
)

_BAD_INPUT = 2
_EPILOG = """Exit codes: 0 all went well · 1 variants failed, or a number does not hold · 2 bad input ·
3 no such thing · 4 the farm cannot be reached, or failed · 5 not allowed · 130 detached or stopped by Ctrl-C."""

app = typer.Typer(
    name="optfarm",
    help="Optimise neural networks on your machines and measure the result honestly.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
for command in (*(embedded.up, embedded.down, embedded.status), *(report.report, profile.profile, verify.verify)):
    app.command()(command)
nouns = (techniques, devices, sweep, artifact, bundle, task)
for noun in (catalog.models, catalog.data_sets, *(module.app for module in nouns)):
    app.add_typer(noun)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 (Typer calls it so)
    if wanted:
        print(f"optfarm {version('optfarm')}")
        raise typer.Exit


@app.callback()
def optfarm(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What holds for every command."""


def main() -> None:
    """Runs the command line; every failure that a user can act on is one message and an exit code."""
    try:
        sys.exit(app(standalone_mode=False))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 (a defect is raised again)
        if type(error).__name__ == "NoArgsIsHelpError":  # Typer has printed the help; its class is private
            sys.exit(_BAD_INPUT)
        failure.leave(failure.failure_of(error), as_json="--json" in sys.argv)
