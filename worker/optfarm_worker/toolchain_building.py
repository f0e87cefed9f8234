"""Builds toolchains of this host, and deletes them."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from optfarm_tasks.schema.device import Toolchain
from optfarm_worker.errors import BadSettings
from optfarm_worker.inventory import probe
from optfarm_worker.toolchains import MARK, built, packages

_DISTRIBUTION = "optfarm"
_TAIL_LINES = 4

OnStep = Callable[[str], None]
"""Called with what is done next."""


def add(folder: Path, name: str, lock: Path, on_step: OnStep) -> Toolchain:
    """Builds the environment, with the optfarm that runs here, and asks it what it offers; blocks for minutes.

    What was begun and not ended before is built anew; what is interrupted leaves nothing behind.

    Raises:
        BadSettings: a package cannot be installed, or optfarm's tasks do not run with them.
    """
    place = folder / name
    shutil.rmtree(place, ignore_errors=True)
    try:
        on_step(f"make an environment in {place}")
        _run([sys.executable, "-m", "venv", str(place)], "the environment cannot be made")
        pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        on_step(f"install {packages(lock)} packages of {lock}")
        _run([*pip, "--no-deps", "-r", str(lock)], f"{lock.name} cannot be installed")
        on_step("install optfarm")
        _run([*pip, "--no-deps", *_this_optfarm()], "optfarm cannot be installed")
        found = probe(name, place / "bin/python")
        (place / MARK).touch()
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return found


def remove(folder: Path, name: str) -> None:
    """Deletes a toolchain that was built here.

    Raises:
        BadSettings: there is none of that name.
    """
    if name not in built(folder):
        raise BadSettings(
            f"no toolchain {name!r} was built in {folder}; there are {', '.join(built(folder)) or 'none'}"
        )
    # Without its mark it is not offered, should this be interrupted.
    (folder / name / MARK).unlink()
    shutil.rmtree(folder / name)


def _this_optfarm() -> list[str]:
    """What pip is to install so that the other environment has the code that runs here."""
    distribution = importlib.metadata.distribution(_DISTRIBUTION)
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    if not origin:
        return [f"{_DISTRIBUTION}=={distribution.version}"]
    source = origin["url"].removeprefix("file://")
    return ["--editable", source] if origin.get("dir_info", {}).get("editable") else [source]


def _run(command: list[str], what: str) -> None:
    done = subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode:
        said = "\n".join(f"  {line}" for line in (done.stdout + done.stderr).strip().splitlines()[-_TAIL_LINES:])
        raise BadSettings(f"{what}:\n{said}")
