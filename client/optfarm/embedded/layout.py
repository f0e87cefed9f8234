"""The layout of an embedded farm: its ports, credentials and hosts, chosen once and kept in its folder."""

import dataclasses
import json
import os
import random
import re
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

PORTS = (
    "scheduler", "broker", "s3", "s3_grpc", "master", "master_grpc",
    "volume", "volume_grpc", "filer", "filer_grpc", "admin", "admin_grpc",
)  # fmt: skip
_SECRETS = ("token", "worker_token", "broker_password", "s3_access_key", "s3_secret_key")
_PORT_RANGE = range(20000, 32000)
"""Below the ports that kernels hand out to clients, so that nothing takes one while the farm is down."""


@dataclass(frozen=True)
class EmbeddedWorker:
    """The host and the device of a worker."""

    host: str
    device: str

    @property
    def name(self) -> str:
        """As the farm calls the device."""
        return f"{self.host}.{self.device.replace(':', '-')}"


@dataclass(frozen=True)
class FarmLayout:
    """The choices that outlive a restart."""

    ports: dict[str, int]
    secrets: dict[str, str]
    hosts: tuple[str, ...]
    """A worker each for the processor; none with --no-worker."""
    gpus: tuple[str, ...] = ()
    """Devices of this machine that have a worker each, under the first host."""

    @property
    def url(self) -> str:
        """Where the scheduler listens."""
        return f"http://127.0.0.1:{self.ports['scheduler']}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of its parts, in the order in which they start."""
        return ("broker", "s3", "scheduler", *self.workers)

    @property
    def workers(self) -> dict[str, EmbeddedWorker]:
        """Part → what serves it; the first worker is simply `worker`."""
        parts = ("worker", *(f"worker-{host}" for host in self.hosts[1:]))
        found = {part: EmbeddedWorker(host, "cpu") for part, host in zip(parts, self.hosts, strict=False)}
        for host in self.hosts[:1]:
            found |= {f"worker-{name.replace(':', '-')}": EmbeddedWorker(host, name) for name in self.gpus}
        return found


def new_layout(hosts: tuple[str, ...]) -> FarmLayout:
    """Chooses ports that are free now, and random credentials."""
    return FarmLayout(
        ports=dict(zip(PORTS, _free_ports(len(PORTS)), strict=True)),
        secrets={name: secrets.token_hex(16) for name in _SECRETS},
        hosts=hosts,
    )


def this_host() -> str:
    """This machine's name as a device may carry it."""
    plain = re.sub(r"[^A-Za-z0-9_-]+", "-", socket.gethostname().partition(".")[0]).strip("-_")
    return plain[:63].rstrip("-_") or "localhost"


def load(folder: Path) -> FarmLayout | None:
    """The layout in a farm's folder; None where there is none yet."""
    try:
        found = json.loads(_file(folder).read_text())
    except FileNotFoundError:
        return None
    return FarmLayout(
        ports=found["ports"],
        secrets=found["secrets"],
        hosts=tuple(found["hosts"]),
        gpus=tuple(found.get("gpus", ())),
    )


def save(layout: FarmLayout, folder: Path) -> None:
    """Keeps the layout in the farm's folder, readable by its owner only."""
    write_private(_file(folder), json.dumps(dataclasses.asdict(layout), indent=2))


def write_private(path: Path, text: str) -> None:
    """Replaces a file by one that only its owner may read; a reader sees the old one or the new one."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    fresh.replace(path)


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of loopback now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_ports(count: int) -> list[int]:
    candidates = random.SystemRandom().sample(_PORT_RANGE, 50 * count)
    return [port for port in candidates if is_free(port)][:count]


def _file(folder: Path) -> Path:
    return folder / "farm.json"
