"""Takes messages from this device's queue; the only module here that knows Celery."""

import os
import threading
import time
from typing import Any

import kombu
import redis
import structlog
from celery import Celery
from celery.app.trace import setup_worker_optimizations
from celery.worker import WorkController, state

from optfarm_tasks.schema import queue
from optfarm_worker import transport
from optfarm_worker.watchdog import EXIT_CODE, LOOK_S, Suspicion

_RESTORES = {"unacked_restore_interval": 1, "unacked_restore_throttle": 1}
SETTINGS: dict[str, Any] = {
    **queue.SETTINGS,
    "broker_transport": f"{transport.__name__}:{transport.Transport.__name__}",
    "broker_connection_max_retries": None,
    "broker_transport_options": queue.TRANSPORT_OPTIONS | _RESTORES,
    "worker_prefetch_multiplier": 1,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "task_acks_late": False,
}
_FAILURES = (kombu.exceptions.KombuError, redis.exceptions.RedisError, OSError)

log = structlog.get_logger()


class Consumer:
    """Celery with one thread, so this process never forks and takes one task at a time.

    It acknowledges early: a task that is lost is sent again by the scheduler, whose lease ran out.
    """

    def __init__(self, broker_url: str, device: str, carry_out: queue.CarryOut) -> None:
        self._queue = queue.queue_of(device)
        self._app = Celery("optfarm", broker=broker_url)
        self._app.conf.update(SETTINGS | queue.tls_of(broker_url))
        self._app.task(carry_out, name=queue.TASK_NAME)
        setup_worker_optimizations(self._app, device)
        self._worker = WorkController(
            app=self._app,
            hostname=f"optfarm@{device}",
            queues=[self._queue],
            pool_cls="threads",
            concurrency=1,
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )

    def run(self) -> int:
        """Takes messages until stop(); blocks, and gives the exit code."""
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()
        self._worker.start()
        return int(self._worker.exitcode or 0)

    @staticmethod
    def stop() -> None:
        """Has run() return once the task at hand is done; from any thread, or a signal's handler."""
        state.should_stop = 0

    def _watch(self) -> None:
        suspicion = Suspicion()
        while True:
            time.sleep(LOOK_S)
            is_idle = not state.active_requests and not state.reserved_requests
            now = time.monotonic()
            suspicion = suspicion.after(is_idle=is_idle, waiting=self._waiting() if is_idle else 0, now=now)
            if suspicion.is_sure(now):
                log.error("deaf: messages wait and none is taken", queue=self._queue)
                os._exit(EXIT_CODE)

    def _waiting(self) -> int:
        """Whether messages lie in the queue, of any priority; 0 when the broker does not answer."""
        try:
            with self._app.connection_for_read() as connection:
                channel = connection.default_channel
                lists = [self._queue, *(f"{self._queue}{channel.sep}{step}" for step in channel.priority_steps)]
                return int(channel.client.exists(*lists))
        except _FAILURES:
            return 0
