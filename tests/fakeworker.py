"""A worker that does no work: it takes messages from the real broker and answers the real scheduler."""

import base64
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
import redis

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Lease, Progress
from optfarm_tasks.schema.queue import queue_of
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.spec import Kind
from tests.results import a_canary, a_result

if TYPE_CHECKING:
    from optfarm_tasks.schema.measurement import Measurement

Put = Callable[[Result], None]
"""Stores a result under its key."""


def an_inventory(host: str = "alpha", slot: str = "cpu") -> Inventory:
    """A device that offers every technique of these tests."""
    toolchain = Toolchain(
        python="python",
        versions={"optfarm": "0.1.0"},
        techniques=("baseline", "tflite-dynamic-range", "tflite-float16", "tflite-float32", "tflite-int8"),
        runtimes=("litert", "tensorflow"),
    )
    return Inventory(host=host, slot=slot, attributes={"cores": 4, "cpu_model": "fake"}, toolchains=(toolchain,))


class FakeWorker:
    """One device's worker."""

    def __init__(self, http: httpx.Client, broker_url: str, put: Put, *, inventory: Inventory | None = None) -> None:
        self.inventory = inventory or an_inventory()
        self.name = self.inventory.name
        self.done: list[str] = []
        """Tasks that it ended, in order."""
        self.leases: list[Lease] = []
        """What it worked on in the background, in order."""
        self.compute_ms = 1.0
        """What its canaries tell."""
        self.measurement: Measurement | None = None
        """What its benchmarks tell; a clean one when left out."""
        self._http = http
        self._broker = redis.Redis.from_url(broker_url)
        self._put = put
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def register(self) -> None:
        """Says that the device is there."""
        self._http.put(f"/v1/devices/{self.name}", content=self.inventory.model_dump_json()).raise_for_status()

    def message(self, *, timeout_s: float = 10) -> tuple[str, int] | None:
        """The next message on its queue: task and token."""
        found: Any = self._broker.brpop([queue_of(self.name)], timeout=timeout_s)
        if found is None:
            return None
        body = base64.b64decode(json.loads(found[1])["body"])
        (task_id, token), _, _ = json.loads(body)
        return task_id, token

    def claim(self, task_id: str, token: int) -> httpx.Response:
        """Asks for a task."""
        return self._post(task_id, "claim", Claim(token=token, device=self.name))

    def claimed(self, *, timeout_s: float = 10) -> tuple[Lease, int]:
        """Takes messages until one may be claimed."""
        while (found := self.message(timeout_s=timeout_s)) is not None:
            answer = self.claim(*found)
            if answer.is_success:
                return Lease.model_validate_json(answer.content), found[1]
        raise AssertionError(f"no message for {self.name} within {timeout_s} s")

    def heartbeat(self, task_id: str, token: int, progress: Progress | None = None) -> httpx.Response:
        """Keeps a lease alive."""
        return self._post(task_id, "heartbeat", Heartbeat(token=token, progress=progress))

    def finish(self, lease: Lease, token: int, *, store: bool = True) -> httpx.Response:
        """Stores a result, then ends the task with it."""
        result = self.result(lease)
        if store:
            self._put(result)
        return self._end(lease, Finish(token=token, result=result, finished_at=datetime.now(UTC)))

    def fail(self, lease: Lease, token: int, reason: Reason, *, damaged: tuple[str, ...] = ()) -> httpx.Response:
        """Ends the task with a failure, and names blobs that the store cannot give."""
        failure = Failure(reason=reason, message="it failed on purpose", damaged=damaged)
        return self._end(lease, Finish(token=token, failure=failure, finished_at=datetime.now(UTC)))

    def result(self, lease: Lease) -> Result:
        """What it claims to have computed."""
        kind = Kind(lease.task.action.kind)
        made = a_result(kind, key=lease.key, host=self.inventory.host, measurement=self.measurement)
        return made.model_copy(update={"facts": a_canary(compute_ms=self.compute_ms)}) if kind is Kind.CANARY else made

    def start(self) -> None:
        """Works in the background, as a worker does, through whatever happens to the others."""
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._beat, self._work)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Ends the background work."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._broker.close()

    def _beat(self) -> None:
        while not self._stopped.is_set():
            self._insist(self.register)
            self._stopped.wait(1)

    def _work(self) -> None:
        while not self._stopped.is_set():
            self._insist(self._next)

    def _next(self) -> None:
        found = self.message(timeout_s=0.5)
        if found is None:
            return
        answer = self._until_answered(lambda: self.claim(*found))
        if answer is None or not answer.is_success:
            return
        lease = Lease.model_validate_json(answer.content)
        self.leases.append(lease)
        ended = self._until_answered(lambda: self.finish(lease, found[1]))
        if ended is not None and ended.is_success:
            self.done.append(lease.task_id)

    def _until_answered(self, ask: Callable[[], httpx.Response]) -> httpx.Response | None:
        while not self._stopped.is_set():
            try:
                answer = ask()
            except httpx.TransportError:
                self._stopped.wait(0.1)
                continue
            if answer.status_code < 500:
                return answer
            self._stopped.wait(0.1)
        return None

    def _insist(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (httpx.HTTPError, redis.RedisError):
            self._stopped.wait(0.1)

    def _end(self, lease: Lease, finish: Finish) -> httpx.Response:
        return self._post(lease.task_id, "finish", finish)

    def _post(self, task_id: str, verb: str, body: Claim | Heartbeat | Finish) -> httpx.Response:
        return self._http.post(f"/v1/tasks/{task_id}/{verb}", content=body.model_dump_json())
