"""Runs a task of the farm again on this machine, in a folder with its inputs."""

import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

from pydantic import ValidationError

from optfarm.api import Api
from optfarm.download import fetch
from optfarm.errors import BadRequest
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.result import Outcome

_VERSIONS = "toolchain.json"
_EARLIER = ("result.json", "log.txt")


def bring(api: Api, task_id: str, folder: Path) -> None:
    """Writes a task's folder: task.json, its inputs, and the versions that it ran with.

    Raises:
        BadRequest: something lies in the folder already.
        FarmError: the farm refused or stayed away.
    """
    if folder.exists() and any(folder.iterdir()):
        raise BadRequest(f"{folder} is not empty; to run what lies there: optfarm task replay {folder}")
    found = api.task_folder(task_id)
    for role, tree in found.task.inputs.items():
        fetch(api.connection, tree, folder / "inputs" / role, urls=found.urls)
    (folder / _VERSIONS).parent.mkdir(parents=True, exist_ok=True)
    (folder / _VERSIONS).write_text(json.dumps(found.toolchain, indent=2))
    (folder / "task.json").write_text(found.task.model_dump_json(indent=2))


def run(folder: Path) -> Outcome:
    """Runs the task in a folder by `python -m optfarm_tasks`; blocks, and lets its output through to stderr.

    The model's own code runs with the rights of the user, without the limits of a worker.

    Raises:
        BadRequest: it is no task's folder, or the task ended without a result.
    """
    if not (folder / "task.json").is_file():
        raise BadRequest(f"{folder} is no task's folder: there is no task.json")
    for name in _EARLIER:
        (folder / name).unlink(missing_ok=True)
    (folder / "outputs").mkdir(exist_ok=True)
    command = [sys.executable, "-m", "optfarm_tasks", str(folder.absolute())]
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPTFARM_")}
    finished = subprocess.run(command, stdout=sys.stderr.fileno(), check=False, env=env)
    try:
        return Outcome.model_validate_json((folder / "result.json").read_bytes())
    except FileNotFoundError:
        raise BadRequest(f"the task ended with code {finished.returncode} and left no result") from None
    except ValidationError as error:
        raise BadRequest(f"{folder / 'result.json'} is no outcome: {text_of(error)}") from error


def differing_versions(folder: Path) -> tuple[str, ...]:
    """What is installed here in another version than where the task ran, or not at all; one line each."""
    path = folder / _VERSIONS
    wanted: dict[str, str] = json.loads(path.read_text()) if path.is_file() else {}
    return compare(wanted, {name: _installed(name) for name in wanted})


def compare(wanted: dict[str, str], here: dict[str, str | None]) -> tuple[str, ...]:
    """The differences between two sets of versions, in words."""
    differing = ((name, version, here.get(name)) for name, version in sorted(wanted.items()))
    return tuple(f"{name} {there} there, {mine or 'none'} here" for name, there, mine in differing if mine != there)


def _installed(name: str) -> str | None:
    if name == "python":
        return ".".join(map(str, sys.version_info[:3]))
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
