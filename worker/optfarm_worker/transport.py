"""Kombu's transport over Redis, but for what is no message: it is dropped, and does not end the worker.

Whoever reaches the broker could put it there.
"""

from queue import Empty
from typing import Any

import structlog
from kombu.transport import redis

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""What Kombu raises where a list of the broker holds no JSON, or JSON without the parts of a message."""

log = structlog.get_logger()


class Channel(redis.Channel):  # type: ignore[misc]  # Kombu has no types
    """Takes messages from the lists that a queue is kept in."""

    def _brpop_read(self, **options: Any) -> Any:
        """The next message; none where it is malformed, which is logged and gone."""
        try:
            return super()._brpop_read(**options)
        except _UNREADABLE as error:
            log.warning("message dropped", reason=f"{type(error).__name__}: {error}")
            raise Empty from error


class Transport(redis.Transport):  # type: ignore[misc]  # Kombu has no types
    """The transport of such channels."""

    Channel = Channel
