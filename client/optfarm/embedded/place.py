"""Where the embedded farm's folder is, and how the client finds the one that was started last."""

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

_SOCKET_PATH_BYTES = 90
"""The kernel takes 107; supervisord first binds to a name that is a pid longer."""


def pointer_file() -> Path:
    """Names the folder of the embedded farm that was started last."""
    return platformdirs.user_config_path("optfarm") / "embedded"


def current_folder() -> Path | None:
    """The folder of this user's embedded farm: $OPTFARM_FOLDER, else the one started last, else none."""
    named = os.environ.get("OPTFARM_FOLDER")
    if named:
        return Path(named).absolute()
    try:
        return Path(pointer_file().read_text().strip())
    except FileNotFoundError:
        return None


def default_folder() -> Path:
    """Where `optfarm up` makes a farm where no folder is given."""
    return current_folder() or platformdirs.user_data_path("optfarm")


def point_at(folder: Path) -> None:
    """Remembers a folder as the one started last, unless $OPTFARM_FOLDER names the farm anyway."""
    if os.environ.get("OPTFARM_FOLDER"):
        return
    pointer_file().parent.mkdir(parents=True, exist_ok=True)
    pointer_file().write_text(f"{folder}\n")


def run_folder(folder: Path) -> Path:
    """Where sockets lie: in the farm's folder, or, where its path is too long for one, in a short private folder."""
    beside = folder / "run"
    if len(os.fsencode(beside / "s.sock")) <= _SOCKET_PATH_BYTES:
        return beside
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"optfarm-{os.getuid()}-{digest}"
