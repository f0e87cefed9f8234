"""How the parts of an embedded farm stand: what `optfarm status` shows."""

import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from optfarm.embedded import plan as plans
from optfarm.embedded import record, supervisor
from optfarm.embedded.ready import health_of


@dataclass(frozen=True)
class Part:
    """One part; pid, uptime and memory are None while it does not run."""

    name: str
    state: str
    """supervisord's word: RUNNING, STARTING, BACKOFF, FATAL, STOPPED; UNSUPERVISED without supervisord."""
    pid: int | None
    uptime_s: float | None
    rss_bytes: int | None
    health: str
    log: str


def parts_of(folder: Path) -> list[Part]:
    """Every part of the farm in a folder; none where there is no farm."""
    plan = plans.load(folder)
    if plan is None:
        return []
    states = {info["name"]: str(info["statename"]) for info in supervisor.processes(folder)}
    alive = record.living(record.read_all(folder))
    fallback = {True: "UNSUPERVISED", False: "STOPPED"}
    parts = [_part(n, folder, states.get(n, fallback[n in alive]), alive.get(n), plan) for n in plan.parts]
    watchman = alive.get("supervisor")
    state = "RUNNING" if watchman else "STOPPED"
    return [_seen("supervisor", folder, state, watchman, "ok" if watchman else "is not running"), *parts]


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


def _part(name: str, folder: Path, state: str, process: psutil.Process | None, plan: plans.FarmLayout) -> Part:
    health = "is not running" if process is None else health_of(name, plan)
    return _seen(name, folder, state, process, health)


def _seen(name: str, folder: Path, state: str, process: psutil.Process | None, health: str) -> Part:
    log = str(folder / "logs" / f"{name}.log")
    try:
        if process is not None:
            uptime_s = time.time() - process.create_time()
            return Part(name, state, process.pid, round(uptime_s, 1), process.memory_info().rss, health, log)
    except psutil.NoSuchProcess:
        health = "is not running"
    return Part(name, state, None, None, None, health, log)
