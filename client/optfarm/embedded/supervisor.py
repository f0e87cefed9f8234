"""Starts supervisord over a farm's folder and talks to it over its unix socket."""

import http.client
import os
import socket
import stat
import subprocess
import sys
import xmlrpc.client
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from optfarm.embedded import record
from optfarm.embedded.layout import FarmLayout, write_private
from optfarm.embedded.place import run_folder
from optfarm.errors import NotStarted

_SUPERVISOR = "supervisor"

_HEAD = """\
[supervisord]
nodaemon=true
silent=true
logfile=logs/supervisor.log
logfile_maxbytes=5MB
logfile_backups=1
pidfile=run/supervisord.pid
umask=077
{user}
[unix_http_server]
file={run}/s.sock
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
_PROGRAM = """
[program:{part}]
command="%(ENV_OPTFARM_PYTHON)s" -m optfarm.embedded.part {part}
priority={priority}
autostart=true
autorestart=unexpected
exitcodes=3
startsecs=1
startretries=30
stopwaitsecs=10
redirect_stderr=true
stdout_logfile=logs/{part}.log
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=3
"""


def config_text(layout: FarmLayout, *, run: str, is_root: bool) -> str:
    """supervisord's configuration; its paths are relative to the farm's folder, so no letter in them needs quoting."""
    programs = (_PROGRAM.format(part=part, priority=10 * index) for index, part in enumerate(layout.parts, 1))
    return _HEAD.format(user="user=root\n" if is_root else "", run=run) + "".join(programs)


def start(layout: FarmLayout, folder: Path) -> None:
    """Starts supervisord, which starts the parts; returns at once."""
    run = _private(run_folder(folder))
    named = "run" if run.parent == folder else str(run)
    write_private(folder / "supervisord.conf", config_text(layout, run=named, is_root=os.getuid() == 0))
    (run / "s.sock").unlink(missing_ok=True)
    with (folder / "logs" / "supervisor.out").open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "optfarm.embedded.part", _SUPERVISOR],
            env=os.environ | {"OPTFARM_FOLDER": str(folder)},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    started.returncode = 0  # it outlives this process on purpose; nobody here waits for it


def is_running(folder: Path) -> bool:
    """Whether the farm's supervisord lives."""
    return _SUPERVISOR in record.living(folder)


def processes(folder: Path) -> list[Mapping[str, Any]]:
    """What supervisord knows of each part: name, statename, pid, start, now; none while it does not answer."""
    try:
        with _proxy(folder) as proxy:
            found: Any = proxy.supervisor.getAllProcessInfo()
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return []
    return list(found)


def shutdown(folder: Path) -> None:
    """Asks supervisord to stop the parts, last started first, and then itself; returns at once."""
    try:
        with _proxy(folder) as proxy:
            proxy.supervisor.shutdown()
    except (OSError, xmlrpc.client.Error, http.client.HTTPException):
        return


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection("localhost", timeout=10)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.settimeout(10)
        try:
            connection.sock.connect(str(self._path))
        except OSError:
            connection.close()
            raise
        self._connection = host, connection
        return connection


def _proxy(folder: Path) -> xmlrpc.client.ServerProxy:
    return xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(run_folder(folder) / "s.sock"))


def _private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.getuid() or seen.st_mode & 0o077:
        raise NotStarted(
            f"{folder} has to be a folder that only you can open; remove it, or set TMPDIR to another place"
        )
    return folder
