"""Sends task messages through the broker, from a thread of its own, so that a broker that is down blocks nobody.

Celery is a transport: a message that is lost, late or doubled does no harm, because its token is checked when a
worker claims the task, and what nobody claims is sent again under a new token.
"""

import threading
from typing import Any

import kombu
import redis
import structlog
from celery import Celery

from optfarm_tasks.schema.queue import SETTINGS, TASK_NAME, Message, tls_of

_FAILURES = (kombu.exceptions.KombuError, redis.exceptions.RedisError, OSError)
_PROBE_S = 5.0
_RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0)

log = structlog.get_logger()


class Dispatcher:
    """Sends messages in the order in which they came, again and again until the broker takes them."""

    def __init__(self, broker_url: str) -> None:
        self._app = Celery("optfarm", broker=broker_url, set_as_current=False)
        self._app.conf.update(SETTINGS | tls_of(broker_url))
        # One message a task: while the broker is away a later token replaces the earlier one.
        self._waiting: dict[str, Message] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self.health = "starting"
        """ok, or why not."""

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def stop(self) -> None:
        """Ends within a second; what was not sent is sent again by the next scheduler."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(timeout=1)

    def send(self, message: Message) -> None:
        """Takes a message to be sent; never blocks."""
        with self._changed:
            self._waiting.pop(message.task_id, None)
            self._waiting[message.task_id] = message
            self._changed.notify_all()

    def _run(self) -> None:
        failures = 0
        while not self._stopping:
            try:
                with self._app.connection_for_write() as connection:
                    self._probe(connection)
                    failures = 0
                    self._serve(connection)
            except _FAILURES as error:
                self._note(f"{type(error).__name__}: {error}")
                self._rest(_RETRY_S[min(failures, len(_RETRY_S) - 1)])
                failures += 1

    def _serve(self, connection: Any) -> None:
        with self._app.amqp.Producer(connection) as producer:
            while not self._stopping:
                message = self._first()
                if message is None:
                    self._probe(connection)
                else:
                    self._publish(producer, message)

    def _publish(self, producer: Any, message: Message) -> None:
        given, queue = message.arguments, message.queue
        self._app.send_task(TASK_NAME, given, queue=queue, producer=producer, retry=False, ignore_result=True)
        with self._changed:
            if self._waiting.get(message.task_id) == message:
                del self._waiting[message.task_id]
        log.debug("sent", task_id=message.task_id, token=message.token, device=message.device)

    def _first(self) -> Message | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._stopping, timeout=_PROBE_S)
            return next(iter(self._waiting.values()), None)

    def _probe(self, connection: Any) -> None:
        connection.ensure_connection(max_retries=1, timeout=5)
        connection.default_channel.client.ping()
        self._note("ok")

    def _note(self, health: str) -> None:
        if health != self.health:
            log.info("broker", health=health, waiting=len(self._waiting))
        self.health = health

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, timeout=seconds)
