"""Notices a deaf consumer: one that takes no message although it is idle and messages lie in its queue.

A link that is cut while the worker talks to the broker can leave Celery so; it answers pings and takes no message.
"""

from dataclasses import dataclass

DEAF_AFTER_S = 20.0
LOOK_S = 2.0
EXIT_CODE = 75
"""EX_TEMPFAIL: whoever supervises the worker starts it again."""


@dataclass(frozen=True)
class Suspicion:
    """Since when it looks deaf; None while it does not."""

    since: float | None = None

    def after(self, *, is_idle: bool, waiting: int, now: float) -> "Suspicion":
        """What one more look makes of it."""
        if not is_idle or not waiting:
            return Suspicion()
        return self if self.since is not None else Suspicion(now)

    def is_sure(self, now: float) -> bool:
        """Whether it has looked deaf for long enough to end it."""
        return self.since is not None and now - self.since >= DEAF_AFTER_S
