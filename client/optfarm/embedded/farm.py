"""Starts and stops the farm of one folder, also after a crash."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil

from optfarm.embedded import layout as layouts
from optfarm.embedded import record, supervisor
from optfarm.embedded.layout import FarmLayout
from optfarm.embedded.part import find_binaries
from optfarm.embedded.part_status import health_of, log_tail
from optfarm.embedded.parts import broker_config, settings_toml
from optfarm.embedded.place import current_folder, point_at
from optfarm.errors import BadRequest, NotStarted

READY_S = 60.0
"""The object store rarely takes 20 s after a crash; everything else is up within two."""
_STUCK_S = 10.0
_STOP_S = 30.0
_FOLDERS = ("broker", "s3", "scheduler", "cache", "scratch", "logs", "run")
OnWait = Callable[[str], None]


def up(folder: Path, *, hosts: tuple[str, ...] | None, on_wait: OnWait) -> FarmLayout:
    """Starts the farm of a folder, unless it runs already; returns when every part serves.

    Args:
        folder: where all of it lies; made when there is none.
        hosts: a worker each; None keeps what the folder has, at first one for this machine. GPUs have workers beside.
        on_wait: called with what is waited for, in words for people.

    Raises:
        BadRequest: the folder cannot be written, or another farm of this user runs.
        NotStarted: the extra is missing, or a part does not come up; the message ends with its last log lines.
    """
    find_binaries()
    _require_alone(folder)
    with _locked(folder):
        layout = _layout(folder, hosts)
        if supervisor.is_running(folder):
            _wait(layout, folder, on_wait)
        else:
            layout = _with_gpus(layout, folder)
            _start(layout, folder, on_wait)
        point_at(folder)
    return layout


def _start(layout: FarmLayout, folder: Path, on_wait: OnWait) -> None:
    record.end([*record.living(folder).values()], patience_s=_STOP_S / 2)
    _require_ports(layout)
    _write(layout, folder)
    supervisor.start(layout, folder)
    try:
        _wait(layout, folder, on_wait)
    except NotStarted:
        _stop(folder)
        raise


def down(folder: Path, *, on_wait: OnWait) -> bool:
    """Stops every process of the farm in a folder; its data stay. Gives whether anything ran."""
    if layouts.load(folder) is None:
        return False
    with _locked(folder):
        alive = record.living(folder)
        if alive:
            on_wait(f"stopping {', '.join(alive)}")
            _stop(folder)
    return bool(alive)


def _stop(folder: Path) -> None:
    alive = record.living(folder)
    supervisord = alive.get("supervisor")
    if supervisord is not None:
        supervisor.shutdown(folder)
        psutil.wait_procs([supervisord], timeout=_STOP_S)
    record.end(list(alive.values()), patience_s=_STOP_S / 3)
    record.end([*record.living(folder).values()], patience_s=_STOP_S / 3)


def _require_alone(folder: Path) -> None:
    other = current_folder()
    if other is not None and other != folder and supervisor.is_running(other):
        raise BadRequest(
            f"your farm runs already, in {other}. Use it, or stop it first: optfarm down --folder {other}. "
            "Two farms on one machine would disturb each other's measurements"
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for name in _FOLDERS:
            (folder / name).mkdir(exist_ok=True, mode=0o700)
        lock = (folder / "lock").open("wb")
    except OSError as error:
        raise BadRequest(f"{folder} cannot hold a farm: {error.strerror or error}") from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _layout(folder: Path, hosts: tuple[str, ...] | None) -> FarmLayout:
    known = layouts.load(folder)
    if known is None:
        known = layouts.new_layout(hosts if hosts is not None else (layouts.this_host(),))
        layouts.save(known, folder)
    if hosts is None or hosts == known.hosts:
        return known
    if supervisor.is_running(folder):
        now = ", ".join(known.hosts) or "none"
        raise BadRequest(f"the farm runs already, with other workers ({now}); run `optfarm down` first")
    changed = replace(known, hosts=hosts)
    layouts.save(changed, folder)
    return changed


def _with_gpus(layout: FarmLayout, folder: Path) -> FarmLayout:
    """The layout with the GPUs that this machine has now, each of which gets a worker where there is one at all."""
    changed = replace(layout, gpus=_gpus() if layout.hosts else ())
    if changed != layout:
        layouts.save(changed, folder)
    return changed


def _gpus() -> tuple[str, ...]:
    asked = [sys.executable, "-m", "optfarm_worker", "--list-devices"]
    listed = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.split()
    return tuple(name for name in listed if name.startswith("gpu:"))


def _require_ports(layout: FarmLayout) -> None:
    taken = {name: port for name, port in layout.ports.items() if not layouts.is_free(port)}
    if taken:
        shown = ", ".join(f"{port} ({name})" for name, port in taken.items())
        raise NotStarted(f"other programs listen on ports of this farm: {shown}. Stop them, or delete farm.json")


def _write(layout: FarmLayout, folder: Path) -> None:
    layouts.write_private(folder / "optfarm.toml", settings_toml(layout, folder, environment=os.environ))
    layouts.write_private(folder / "broker.conf", broker_config(layout, folder))


def _wait(layout: FarmLayout, folder: Path, on_wait: OnWait) -> None:
    ends_at = time.monotonic() + READY_S
    for part in layout.parts:
        if health_of(part, layout) != "ok":
            on_wait(f"waiting for {part}")
            _await_part(part, layout, folder, ends_at=ends_at)


def _await_part(part: str, layout: FarmLayout, folder: Path, *, ends_at: float) -> None:
    failing_since: float | None = None
    while (health := health_of(part, layout)) != "ok":
        now = time.monotonic()
        failing_since = (failing_since or now) if _is_failing(part, folder) else None
        if now > ends_at or (failing_since is not None and now > failing_since + _STUCK_S):
            log = log_tail(folder, part) or log_tail(folder, "supervisor")
            raise NotStarted(f"{part} {health}. Its log, in {folder / 'logs'}, ends:\n{log}")
        time.sleep(0.05)


def _is_failing(part: str, folder: Path) -> bool:
    if not supervisor.is_running(folder):
        return True
    states = {info["name"]: info["statename"] for info in supervisor.processes(folder)}
    return states.get(part) in {"BACKOFF", "FATAL", "EXITED", "STARTING"}
