"""Toolchains of this host: Python environments that are built from a lock, and that its workers offer from then on."""

from pathlib import Path

import platformdirs

from optfarm_worker.errors import BadSettings

_LOCKS = (Path(__file__).with_name("locks"), Path(__file__).parents[2] / "requirements")
"""Where locks lie in a wheel, and in a source tree."""
_OTHERS = frozenset({"dev", "server", "worker"})
"""Locks of other things than toolchains."""
MARK = ".installed"
"""Lies in the folder of a toolchain that is whole."""


def default_folder() -> Path:
    """Where the toolchains of this user lie."""
    return platformdirs.user_data_path("optfarm") / "toolchains"


def built(folder: Path) -> dict[str, Path]:
    """Name → interpreter, of toolchains that are whole."""
    return {mark.parent.name: mark.parent / "bin/python" for mark in sorted(folder.glob(f"*/{MARK}"))}


def locks() -> dict[str, Path]:
    """Name → lock, of the toolchains that this version knows."""
    found = {file.stem: file for place in _LOCKS for file in sorted(place.glob("*.lock"))}
    return {name: file for name, file in found.items() if name not in _OTHERS}


def lock_of(name: str) -> Path:
    """The lock of a toolchain.

    Raises:
        BadSettings: there is none; the names that there are are listed.
    """
    known = locks()
    if name not in known:
        raise BadSettings(f"there is no toolchain {name!r}; there are {', '.join(known) or 'none'}")
    return known[name]


def packages(lock: Path) -> int:
    """How many packages a lock names."""
    return sum("==" in line.partition("#")[0] for line in lock.read_text().splitlines())
