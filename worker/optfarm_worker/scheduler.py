"""The scheduler's HTTP API as a worker calls it: register, claim, heartbeat, finish."""

import threading
from collections.abc import Callable
from typing import TypeVar

import httpx
from pydantic import ValidationError

from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Lease
from optfarm_tasks.schema.value import WireMessage
from optfarm_worker.errors import Denied, LeaseLost, Stopped, Unreachable

ANSWER_TIMEOUT_S = 10.0
Answer = TypeVar("Answer")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0


class Scheduler:
    """One pooled connection, safe for several threads.

    Every call raises:
        LeaseLost: the scheduler answered 409: it gave the task to somebody else, or nobody wants it any more.
        Denied: it does not take the token.
        Unreachable: there was no answer, or one without sense.
    """

    def __init__(self, url: str, token: str) -> None:
        self._client = httpx.Client(
            base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_TIMEOUT_S, trust_env=False
        )

    def register(self, inventory: Inventory) -> None:
        """Registers the device: that it is there, and what it is."""
        self._send("PUT", f"/v1/devices/{inventory.name}", inventory)

    def claim(self, task_id: str, *, token: int, device: str) -> Lease:
        """Takes the task that a message named."""
        answer = self._send("POST", f"/v1/tasks/{task_id}/claim", Claim(token=token, device=device))
        try:
            return Lease.model_validate_json(answer.content)
        except ValidationError as error:
            raise Unreachable(
                f"the scheduler's lease cannot be read; is it of another version? {text_of(error)}"
            ) from error

    def beat(self, task_id: str, heartbeat: Heartbeat, *, timeout_s: float) -> None:
        """Keeps the lease alive."""
        self._send("POST", f"/v1/tasks/{task_id}/heartbeat", heartbeat, timeout_s=timeout_s)

    def finish(self, task_id: str, finish: Finish) -> None:
        """Reports the end of the task."""
        self._send("POST", f"/v1/tasks/{task_id}/finish", finish)

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def _send(
        self, method: str, path: str, message: WireMessage, *, timeout_s: float = ANSWER_TIMEOUT_S
    ) -> httpx.Response:
        headers = {"Content-Type": "application/json"}
        try:
            answer = self._client.request(
                method, path, content=message.model_dump_json(), headers=headers, timeout=timeout_s
            )
        except httpx.HTTPError as error:
            raise Unreachable(f"the scheduler at {self._client.base_url} does not answer: {error}") from error
        _check(answer)
        return answer


def insist(call: Callable[[], Answer], *, stop: threading.Event) -> Answer:
    """Calls until the scheduler answers, with pauses that grow; blocks for as long as it is down.

    Raises:
        LeaseLost, Denied: that was the answer.
        Stopped: the event was set while the scheduler was down.
    """
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            return call()
        except Unreachable as error:
            if stop.wait(pause_s):
                raise Stopped("this worker is shutting down") from error
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answered = f"{answer.status_code} {answer.text[:300]}"
    if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        raise Denied(f"the scheduler does not take this worker's token (OPTFARM_WORKER_TOKEN): {answered}")
    if answer.status_code in (httpx.codes.CONFLICT, httpx.codes.NOT_FOUND):
        raise LeaseLost(answered)
    raise Unreachable(f"the scheduler answered {answered}")
