"""A real worker process on a real broker and a real object store; only the scheduler is a stub."""

import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import redis
from celery import Celery

from optfarm_storage.location import S3Location
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.queue import TASK_NAME, Message
from optfarm_tasks.schema.result import Result
from tests.integration.processes import processes_with
from tests.integration.programs import STAYS, SUCCEEDS, interpreter, task_of
from tests.integration.stub_scheduler import TOKEN, Desk, stub_scheduler
from tests.servers import Broker, S3Server, serving
from tests.waiting import until

WORKER = str(Path(sys.executable).with_name("optfarm-worker"))
DEVICE = "alpha.cpu"
FRAMEWORKS = {"tensorflow", "tf_keras", "keras", "torch", "openvino", "onnxruntime", "ai_edge_litert", "h5py"}
IDLE_RSS_MB = 120


@dataclass
class Place:
    """Where worker processes live, and everything around them."""

    folder: Path
    desk: Desk
    s3: Any
    bucket: S3Location
    broker_url: str

    @property
    def env(self) -> dict[str, str]:
        """The settings of a worker."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "OPTFARM_URL": self.desk.url,
            "OPTFARM_WORKER_TOKEN": TOKEN,
            "OPTFARM_BROKER_URL": self.broker_url,
            "OPTFARM_S3_ENDPOINT": str(self.bucket.endpoint),
            "OPTFARM_S3_BUCKET": self.bucket.bucket,
            "OPTFARM_S3_ACCESS_KEY": str(self.bucket.access_key),
            "OPTFARM_S3_SECRET_KEY": str(self.bucket.secret_key),
            "OPTFARM_CACHE_DIR": str(self.folder / "cache"),
            "OPTFARM_SCRATCH_DIR": str(self.folder / "scratch"),
            "OPTFARM_IDLE_LOCK": str(self.folder / "idle.lock"),
            "OPTFARM_TOOLCHAINS": json.dumps({"default": str(interpreter(self.folder))}),
        }

    def offer(self, task_id: str, program: str, *, ttl_s: float = 3.0, token: int = 1) -> None:
        body = program.encode()
        task, digest = task_of(body)
        self.s3.put_object(Bucket=self.bucket.bucket, Key=f"blobs/{digest}", Body=body)
        self.desk.offer(task_id, task, key=_key(task_id), ttl_s=ttl_s, token=token)
        with Celery("test", broker=self.broker_url, set_as_current=False) as app:
            message = Message(task_id, token, DEVICE)
            app.send_task(TASK_NAME, message.arguments, queue=message.queue, ignore_result=True)

    def stored(self, task_id: str) -> Result:
        body = self.s3.get_object(Bucket=self.bucket.bucket, Key=f"results/{_key(task_id)}.json")["Body"].read()
        return Result.model_validate_json(body)

    def children(self) -> list[psutil.Process]:
        """What runs in a task's folder."""
        return processes_with("HOME", str(self.folder / "scratch"))

    @contextlib.contextmanager
    def worker(self) -> Iterator["subprocess.Popen[bytes]"]:
        """A worker that has registered; killed at the end if it is still there."""
        known = len(self.desk.inventories)
        log = self.folder / "worker.log"
        with log.open("ab") as stream, _started(["--host", "alpha"], self.env, stream) as process:
            until(lambda: len(self.desk.inventories) > known or process.poll() is not None, deadline_s=20)
            assert process.poll() is None, log.read_text()
            yield process


@contextlib.contextmanager
def _started(words: list[str], env: dict[str, str], stream: Any) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen([WORKER, *words], env=env, stdout=stream, stderr=stream) as process:
        try:
            yield process
        finally:
            process.kill()


def _key(task_id: str) -> str:
    return hashlib.sha256(task_id.encode()).hexdigest()


@pytest.fixture(scope="module")
def broker_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(Broker(tmp_path_factory.mktemp("broker"))) as server:
        yield server.url


@pytest.fixture
def place(s3_server: S3Server, s3: S3Location, broker_url: str, tmp_path: Path) -> Iterator[Place]:
    with stub_scheduler() as desk:
        yield Place(tmp_path, desk, s3_server.client, s3, broker_url)


def test_tasks_go_from_the_broker_to_the_bucket(place: Place) -> None:
    with place.worker():
        for n in range(5):
            place.offer(f"good-{n}", SUCCEEDS)
        until(lambda: len(place.desk.finishes) == 5, deadline_s=20)

    for task_id, finish in place.desk.finishes.items():
        assert finish.result == place.stored(task_id)
    (made,) = place.stored("good-0").outputs.files
    assert place.s3.get_object(Bucket=place.bucket.bucket, Key=f"blobs/{made.sha256}")["Body"].read() == b"made"
    assert place.desk.inventories[0].name == "alpha.cpu"


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\x00no text",
        b"{not JSON",
        b"null",
        b"[]",
        b"{}",
        b'{"body": 7, "properties": 7}',
        b'{"body": "x", "properties": {}, "headers": {}}',
        b'{"body": "!", "content-type": "application/json", "properties": {"delivery_tag": "1", "delivery_info": {}}}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_message_is_dropped_and_the_next_task_is_done(place: Place, body: bytes) -> None:
    with place.worker() as process:
        with redis.Redis.from_url(place.broker_url) as broker:
            broker.lpush(Message("x", 1, DEVICE).queue, body)
        place.offer("after", SUCCEEDS)

        until(lambda: "after" in place.desk.finishes, deadline_s=20)
        assert process.poll() is None


def test_an_idle_worker_is_small_and_has_loaded_no_framework(place: Place) -> None:
    with place.worker() as process:
        place.offer("small", SUCCEEDS)
        until(lambda: "small" in place.desk.finishes, deadline_s=20)
        parent = psutil.Process(process.pid)
        mapped = {part for each in parent.memory_maps() for part in Path(each.path).parts}

        assert parent.memory_info().rss < IDLE_RSS_MB * 1e6
        assert not mapped & FRAMEWORKS


def test_a_killed_worker_leaves_nothing_behind_and_its_successor_goes_on(place: Place) -> None:
    with place.worker() as process:
        place.offer("lost", STAYS)
        until(lambda: len(place.children()) == 2, deadline_s=20)
        process.kill()
        until(lambda: not place.children(), deadline_s=2)

    with place.worker():
        place.offer("lost", SUCCEEDS, token=2)
        until(lambda: "lost" in place.desk.finishes, deadline_s=20)
        until(lambda: not list((place.folder / "scratch" / "alpha.cpu").iterdir()), deadline_s=5)

    assert place.desk.finishes["lost"].token == 2


def test_a_worker_that_is_stopped_hands_its_task_back(place: Place) -> None:
    with place.worker() as process:
        place.offer("handed-back", STAYS)
        until(lambda: len(place.children()) == 2, deadline_s=20)
        process.send_signal(signal.SIGTERM)

        assert process.wait(5) == 0

    failure = place.desk.finishes["handed-back"].failure
    assert failure is not None
    assert failure.reason is Reason.WORKER_LOST
    assert not place.children()


def test_a_second_signal_ends_a_worker_at_once(place: Place) -> None:
    with place.worker() as process:
        place.offer("waits", SUCCEEDS)
        until(lambda: "waits" in place.desk.finishes, deadline_s=20)
        place.desk.is_away = True
        place.offer("unclaimed", SUCCEEDS)
        process.send_signal(signal.SIGTERM)
        process.send_signal(signal.SIGINT)

        assert process.wait(5) in (0, 130)


def test_a_worker_registers_once_the_scheduler_is_there(place: Place) -> None:
    place.desk.is_away = True
    log = place.folder / "worker.log"
    with log.open("ab") as stream, _started(["--host", "alpha"], place.env, stream):
        until(lambda: "not registered" in log.read_text(), deadline_s=20)
        place.desk.is_away = False
        until(lambda: place.desk.inventories, deadline_s=10)

    assert log.read_text().count("not registered") == 1


@pytest.mark.parametrize(
    ("words", "env", "word"),
    [
        (["--device", "gpu:0"], {}, "OPTFARM_DEVICE"),
        (["--label", "rack"], {}, "NAME=VALUE"),
        ([], {"OPTFARM_WORKER_TOKEN": ""}, "OPTFARM_WORKER_TOKEN"),
        ([], {"OPTFARM_WORKER_TOKEN": "another"}, "token"),
        ([], {"OPTFARM_TOOLCHAINS": '{"old": "/bin/false"}'}, "toolchain old"),
        ([], {"OPTFARM_TOOLCHAINS": "not json"}, "toolchains"),
    ],
)
def test_wrong_settings_end_a_worker_with_two(place: Place, words: list[str], env: dict[str, str], word: str) -> None:
    ended = subprocess.run(
        [WORKER, "--host", "alpha", *words],
        env=place.env | env,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert ended.returncode == 2
    assert word in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_worker_ends_in_time_when_its_broker_is_gone(place: Place, tmp_path: Path) -> None:
    with (
        serving(Broker(tmp_path)) as server,
        dataclasses.replace(place, broker_url=server.url).worker() as process,
    ):
        server.kill()
        until(lambda: "onnect" in (place.folder / "worker.log").read_text(), deadline_s=20)
        process.send_signal(signal.SIGTERM)

        assert process.wait(6) == 0
