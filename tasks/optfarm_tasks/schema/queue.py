"""What the scheduler, which sends a task's message, and the worker, which takes it, agree on."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TASK_NAME = "optfarm.run"
"""What Celery calls the one kind of message."""

CarryOut = Callable[[str, int], None]
"""What a worker does with a message's arguments: the task's id and the fencing token."""

TRANSPORT_OPTIONS: dict[str, Any] = {
    "visibility_timeout": 86400,
    "socket_timeout": 20,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
    "priority_steps": list(range(10)),
    "queue_order_strategy": "priority",
}
SETTINGS: dict[str, Any] = {
    "broker_connection_retry_on_startup": True,
    "broker_connection_timeout": 5,
    "broker_transport_options": TRANSPORT_OPTIONS,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
}
"""Of Celery, on both sides."""


def tls_of(broker_url: str) -> dict[str, Any]:
    """What Celery needs to check the certificate of a broker that is reached by rediss://; by itself it checks none.

    A URL that says how to check it (ssl_ca_certs, ssl_cert_reqs) is left as it is.
    """
    parts = urlsplit(broker_url)
    if parts.scheme != "rediss" or "ssl_" in parts.query:
        return {}
    return {"broker_use_ssl": {"ssl_cert_reqs": ssl.CERT_REQUIRED}}


@dataclass(frozen=True)
class Message:
    """Sends a device's worker a task, under a fencing token."""

    task_id: str
    token: int
    device: str

    @property
    def arguments(self) -> tuple[str, int]:
        """What a CarryOut is called with."""
        return self.task_id, self.token

    @property
    def queue(self) -> str:
        """Where the message is put."""
        return queue_of(self.device)


def queue_of(device: str) -> str:
    """The queue that a device's worker listens to."""
    return f"device.{device}"
