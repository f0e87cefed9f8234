"""The processes below this one: who they are, what memory they hold, and how they are ended. Standard library."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
END_DEADLINE_S = 5.0
"""A process that sleeps in the kernel for so long after SIGKILL is given up."""


def parents() -> dict[int, int]:
    """Process → its parent, for every process that can be seen."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 (hundreds of entries, several times a second)
        if name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                found[int(name)] = _parent(name)
    return found


def descendants(root: int) -> list[int]:
    """Every process below root, zombies too, parents before their children."""
    children: dict[int, list[int]] = {}
    for process, parent in parents().items():
        children.setdefault(parent, []).append(process)
    found = [*children.get(root, ())]
    for process in found:
        found.extend(children.get(process, ()))
    return found


def children() -> frozenset[int]:
    """The direct children of this process; quicker than a look at all processes, where the kernel is built for it."""
    try:
        lists = [path.read_text() for path in Path("/proc/self/task").glob("*/children")]
    except OSError:
        lists = []
    if not lists:
        return frozenset(descendants(os.getpid()))
    return frozenset(int(child) for each in lists for child in each.split())


def rss_bytes(processes: Iterable[int]) -> int:
    """Resident memory of all of them; pages that they share count for each."""
    return sum(_resident(process) for process in processes)


def pss_bytes(processes: Iterable[int]) -> int:
    """Resident memory of all of them; pages that they share count once. Slow: the kernel walks every page."""
    return sum(_proportional(process) for process in processes)


def send(processes: Iterable[int], number: signal.Signals) -> None:
    """Sends a signal to each that is still there."""
    for process in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def reap() -> bool:
    """Collects every child that has ended; whether any child is left."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            continue
    except ChildProcessError:
        return False
    return True


def reap_orphans(*, keep: int) -> None:
    """Collects children that have ended, but for one whose exit code somebody waits for."""
    with contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid == keep:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def end_descendants(*, grace_s: float) -> bool:
    """Ends every process below this one, SIGTERM first if there is any grace; whether all are gone.

    This process has to be the subreaper of its descendants: then whoever lost its parent is a child of this one,
    and no child left means no descendant left, however it detached itself.
    """
    if grace_s and reap():
        send(descendants(os.getpid()), signal.SIGTERM)
        _wait_for_children(until=time.monotonic() + grace_s)
    deadline = time.monotonic() + END_DEADLINE_S
    while reap():
        if time.monotonic() > deadline:
            return False
        send(descendants(os.getpid()), signal.SIGKILL)
        _wait_for_children(until=time.monotonic() + 0.01)
    return True


def end_orphans(*, but: frozenset[int]) -> None:
    """Ends every process below this one, except the given children and what is below them."""
    deadline = time.monotonic() + END_DEADLINE_S
    while time.monotonic() < deadline:
        kept = but.union(*(descendants(child) for child in but))
        orphans = [process for process in descendants(os.getpid()) if process not in kept]
        if not orphans:
            return
        send(orphans, signal.SIGKILL)
        for process in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)
        time.sleep(0.002)


def _wait_for_children(*, until: float) -> None:
    while reap() and time.monotonic() < until:
        time.sleep(0.002)


def _parent(name: str) -> int:
    stat = Path("/proc", name, "stat").read_bytes()
    return int(stat[stat.rindex(b")") + 2 :].split()[1])


def _resident(process: int) -> int:
    try:
        return int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _proportional(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_bytes().splitlines()
    except OSError:
        return _resident(process)
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(b"Pss:")), 0)
