"""Who holds a lock on a file of this machine, as far as its kernel tells."""

import os
from collections.abc import Sequence
from pathlib import Path

from optfarm_tasks.schema.waiting import Holder

_LOCKS = Path("/proc/locks")
_NAME_CHARACTERS = 60
_WITH_VALUE = frozenset({"-X", "-W"})


def holders(descriptor: int) -> tuple[Holder, ...]:
    """The processes that took a lock (flock) of the open file; empty where the kernel does not tell."""
    try:
        text = _LOCKS.read_text()
    except OSError:
        return ()
    return tuple(Holder(pid=pid, name=name_of(pid)) for pid in pids_in(text, os.fstat(descriptor)))


def pids_in(text: str, file: os.stat_result) -> tuple[int, ...]:
    """The processes that /proc/locks names for a file, without those that wait.

    A line reads `1: FLOCK  ADVISORY  WRITE 4711 fe:00:2147296 0 EOF`, with an arrow before FLOCK for one that waits. A
    process outside this one's namespace stands there as 0 or below.
    """
    place = f"{os.major(file.st_dev):02x}:{os.minor(file.st_dev):02x}:{file.st_ino}"
    lines = [line.split() for line in text.splitlines()]
    found = {int(line[4]) for line in lines if len(line) > 5 and (line[1], line[5]) == ("FLOCK", place)}  # noqa: PLR2004
    return tuple(sorted(pid for pid in found if pid > 0))


def program_of(arguments: Sequence[str]) -> str:
    """What a command line runs; of an interpreter its script or module. Other arguments may be secret, so none is told.

    Args:
        arguments: the command line; empty when the process has ended.
    """
    name = Path(arguments[0]).name if arguments else ""
    if not name.startswith("python"):
        return name[:_NAME_CHARACTERS]
    words = iter(arguments[1:])
    for word in words:
        if word == "-m":
            return f"{name} -m {next(words, '')}"[:_NAME_CHARACTERS]
        if word == "-c":
            break
        if word in _WITH_VALUE:
            next(words, "")
        elif not word.startswith("-"):
            return Path(word).name[:_NAME_CHARACTERS]
    return name


def name_of(pid: int) -> str:
    """A process's program; empty where it has ended, or is outside this process's namespace."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return program_of([word.decode(errors="replace") for word in line.split(b"\0")[:-1]])
