"""How a command that fails ends: one message, in words or as JSON, and the exit code that docs/cli.md lists."""

import sys
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from optfarm.cli.output import note, print_json
from optfarm.errors import BadRequest, FarmError
from optfarm_tasks.errors import TaskError

_USAGE = "usage"


@dataclass(frozen=True)
class CommandFailure:
    """What went wrong, for people and for programs."""

    reason: str
    """The kind of failure, such as not_found; `docs/cli.md` lists them."""
    message: str
    exit_code: int

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints in place of a result."""
        return {"error": vars(self)}


def failure_of(error: Exception) -> CommandFailure:
    """The failure that an error of a command means.

    Raises:
        Exception: the error itself, where it is a defect.
    """
    if isinstance(error, FarmError):
        return CommandFailure(error.reason, str(error), error.exit_code)
    if isinstance(error, TaskError):
        return CommandFailure(str(error.reason), str(error), BadRequest.exit_code)
    if isinstance(error, typer.TyperException):
        return CommandFailure(_USAGE, _in_words(error), error.exit_code)
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename is not None else ""
        return CommandFailure("file", f"{place}{error.strerror or error}", BadRequest.exit_code)
    raise error


def leave(failure: CommandFailure, *, as_json: bool) -> NoReturn:
    """Tells the user, and ends the program."""
    if as_json:
        print_json(failure.to_json())
    else:
        note(f"error: {failure.message}")
    sys.exit(failure.exit_code)


def _in_words(error: typer.TyperException) -> str:
    """What a command line lacks or has too much of, and where to read what there is."""
    from pydantic import ValidationError

    from optfarm_tasks.schema.faults import faults_of

    said = error.format_message().removeprefix("Invalid value: ")
    if isinstance(error.__cause__, ValidationError):
        option = getattr(getattr(error, "param", None), "opts", ("it",))[-1]
        said = "; ".join(faults_of(error.__cause__, name=lambda _: option))
        said = said if said.startswith(option) else f"{option}: {said}"
    context, said = getattr(error, "ctx", None), said.rstrip(".")
    return said if context is None else f"{said}; see {context.command_path} --help"
