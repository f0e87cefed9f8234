"""A scheduler with a broker of its own on a real object store, each of which can be killed and started again."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
from botocore.exceptions import ClientError

from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.sweep import SweepReceipt, SweepReport, SweepStatus
from tests.fakeworker import FakeWorker
from tests.pushes import new_model
from tests.servers import LOOPBACK, Broker, S3Server, Server, free_ports, serving

_THERE_ALREADY = 412
TOKENS = {"user": "for-people", "worker": "for-workers"}


class Farm:
    """The three servers, and what people do with them."""

    def __init__(self, folder: Path, store: S3Server) -> None:
        self.folder = folder
        self.store, self.bucket = store, store.bucket()
        self.broker = Broker(folder)
        (port,) = free_ports(1)
        self.url = f"http://{LOOPBACK}:{port}"
        program = [sys.executable, "-m", "optfarm_scheduler"]
        self.scheduler = Server(program, folder / "scheduler.log", self._answers, deadline_s=20)
        self.user, self.worker = (self._http(role) for role in ("user", "worker"))

    def close(self) -> None:
        """Ends the scheduler and what speaks to it."""
        self.scheduler.close()
        self.user.close()
        self.worker.close()

    def schedule(self, database: Path, **settings: str) -> None:
        """Starts a scheduler on a database; it sends no canaries unless the settings say so."""
        self.scheduler.env = {
            "OPTFARM_CONFIG": str(self.folder / "none.toml"),
            "OPTFARM_TOKEN": TOKENS["user"],
            "OPTFARM_WORKER_TOKEN": TOKENS["worker"],
            "OPTFARM_BROKER_URL": self.broker.url,
            "OPTFARM_DATABASE_URL": f"sqlite:///{database}",
            "OPTFARM_LISTEN_PORT": self.url.rpartition(":")[2],
            "OPTFARM_S3_ENDPOINT": str(self.bucket.endpoint),
            "OPTFARM_S3_BUCKET": self.bucket.bucket,
            "OPTFARM_S3_ACCESS_KEY": str(self.bucket.access_key),
            "OPTFARM_S3_SECRET_KEY": str(self.bucket.secret_key),
            "OPTFARM_PRESENCE_S": "3",
            "OPTFARM_CLAIM_S": "1",
            "OPTFARM_CANARY_EVERY_S": "0",
            **settings,
        }
        self.scheduler.start()

    def put_result(self, result: Result) -> None:
        """Stores a result unless there is one."""
        key, body = f"results/{result.key}.json", result.model_dump_json().encode()
        try:
            self.store.client.put_object(Bucket=self.bucket.bucket, Key=key, Body=body, IfNoneMatch="*")
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != _THERE_ALREADY:
                raise

    def results(self) -> int:
        """How many results are stored."""
        return int(self.store.client.list_objects_v2(Bucket=self.bucket.bucket, Prefix="results/")["KeyCount"])

    def new_worker(self, inventory: Inventory | None = None) -> FakeWorker:
        """A worker that is not started."""
        return FakeWorker(self.worker, self.broker.url, self.put_result, inventory=inventory)

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
        spec = {"model": "model", "recipes": recipes or ("tflite-float32",), "effort": "quick"} | more
        return self.user.put(f"/v1/sweeps/{sweep_id}", json=spec)

    def status(self, sweep_id: str) -> SweepStatus:
        """A sweep as it stands."""
        return SweepStatus.model_validate_json(self.user.get(f"/v1/sweeps/{sweep_id}").content)

    def report(self, sweep_id: str) -> SweepReport:
        """The table of a sweep."""
        return SweepReport.model_validate_json(self.user.get(f"/v1/sweeps/{sweep_id}/report").content)

    def _http(self, role: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {TOKENS[role]}"}, timeout=20)

    def _answers(self) -> bool:
        try:
            return self.user.get("/v1/health").is_success
        except httpx.TransportError:
            return False


@contextmanager
def a_farm(folder: Path, store: S3Server) -> Iterator[Farm]:
    """A farm on a store that serves; its broker is started, its scheduler is not."""
    with closing(Farm(folder, store)) as farm, serving(farm.broker):
        yield farm
