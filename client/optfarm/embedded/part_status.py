"""The state of each part of an embedded farm, as `optfarm status` shows it."""

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from optfarm.embedded import record, supervisor
from optfarm.embedded.layout import load
from optfarm.embedded.ready import health_of


@dataclass(frozen=True)
class PartStatus:
    """One part; pid, uptime and memory are None while it does not run."""

    name: str
    state: str
    """supervisord's word: RUNNING, STARTING, BACKOFF, FATAL, STOPPED; UNSUPERVISED without supervisord."""
    pid: int | None
    uptime_s: float | None
    rss_bytes: int | None
    health: str
    log: str


def parts_of(folder: Path) -> list[PartStatus]:
    """Every part of the farm in a folder; none where there is no farm."""
    layout = load(folder)
    if layout is None:
        return []
    states = {info["name"]: str(info["statename"]) for info in supervisor.processes(folder)}
    alive = record.living(record.read_all(folder))
    fallback = {True: "UNSUPERVISED", False: "STOPPED"}
    health = {name: health_of(name, layout) if name in alive else "is not running" for name in layout.parts}
    parts = [_seen(n, folder, states.get(n, fallback[n in alive]), alive.get(n), health[n]) for n in layout.parts]
    supervisord = alive.get("supervisor")
    state = "RUNNING" if supervisord else "STOPPED"
    return [_seen("supervisor", folder, state, supervisord, "ok" if supervisord else "is not running"), *parts]


def log_tail(folder: Path, part: str, lines: int = 15) -> str:
    """The last lines of a part's log."""
    logs = (folder / "logs" / f"{part}{suffix}" for suffix in (".log", ".out"))
    return next((tail for tail in (_tail(path, lines) for path in logs) if tail), "")


def _tail(path: Path, lines: int) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, stream.seek(0, 2) - 16384))
            return "\n".join(stream.read().decode(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


def _seen(name: str, folder: Path, state: str, process: psutil.Process | None, health: str) -> PartStatus:
    log = str(folder / "logs" / f"{name}.log")
    try:
        if process is not None:
            uptime_s = time.time() - process.create_time()
            return PartStatus(name, state, process.pid, round(uptime_s, 1), process.memory_info().rss, health, log)
    except psutil.NoSuchProcess:
        health = "is not running"
    return PartStatus(name, state, None, None, None, health, log)
