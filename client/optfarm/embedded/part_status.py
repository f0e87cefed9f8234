"""The state of each part of an embedded farm, and whether it serves, as `optfarm status` shows it."""

import http.client
import json
import socket
import time
import urllib.parse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from optfarm.embedded import record, supervisor
from optfarm.embedded.layout import FarmLayout, load

_TIMEOUT_S = 2.0


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
    alive = record.living(folder)
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


def health_of(part: str, layout: FarmLayout) -> str:
    """`ok`, or what is wrong with a part, in words."""
    try:
        return _checked(part, layout)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"does not answer ({error or type(error).__name__})"


def _checked(part: str, layout: FarmLayout) -> str:
    if part == "broker":
        return _broker(layout)
    if part == "s3":
        status, _ = _get(f"http://127.0.0.1:{layout.ports['s3']}/")
        return "ok" if status < http.client.INTERNAL_SERVER_ERROR else f"answers {status}"
    if part == "scheduler":
        return _scheduler(_get(f"{layout.url}/v1/health")[1])
    return _worker(layout.workers[part].name, _get(f"{layout.url}/v1/devices", layout.secrets["token"])[1])


def _broker(layout: FarmLayout) -> str:
    with socket.create_connection(("127.0.0.1", layout.ports["broker"]), timeout=_TIMEOUT_S) as stream:
        stream.sendall(f"AUTH {layout.secrets['broker_password']}\r\nPING\r\n".encode())
        lines = stream.makefile("rb")
        said = [lines.readline().strip() for _ in range(2)]
    return "ok" if said == [b"+OK", b"+PONG"] else said[0].decode(errors="replace")


def _scheduler(answer: Any) -> str:
    if not isinstance(answer, dict):
        return "answers something else"
    lame = [f"{part} {answer.get(part)}" for part in ("database", "broker", "store") if answer.get(part) != "ok"]
    return "ok" if answer.get("status") == "ok" else f"degraded: {', '.join(lame)}"


def _worker(name: str, answer: Any) -> str:
    devices = answer if isinstance(answer, list) else []
    alive = [device for device in devices if _named(device["inventory"]) == name and device["is_alive"]]
    return "ok" if alive else "has not registered yet"


def _named(inventory: Any) -> str:
    return f"{inventory['host']}.{inventory['slot']}"


def _get(url: str, token: str = "") -> tuple[int, Any]:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", parts.path, headers={"Authorization": f"Bearer {token}"} if token else {})
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    is_json = "json" in (answer.getheader("Content-Type") or "")
    return answer.status, json.loads(content) if is_json else None
