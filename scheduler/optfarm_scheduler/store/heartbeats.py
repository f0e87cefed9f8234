"""The last heartbeat of each running task, in memory.

Heartbeats come every second, and a disk that syncs for each of them would disturb the very clock that benchmarks
read. After a restart of the scheduler leases are given time to be renewed, so nothing is lost with this memory.
"""

import threading
from dataclasses import dataclass, replace

from optfarm_tasks.schema.lease import Progress


@dataclass(frozen=True)
class LastHeartbeat:
    """What the last heartbeat said."""

    token: int
    lease_until: float
    """Seconds since the epoch."""
    progress: Progress | None = None


class Heartbeats:
    """Task → its last heartbeat; safe to use from many threads."""

    def __init__(self) -> None:
        self._last: dict[str, LastHeartbeat] = {}
        self._lock = threading.Lock()

    def record(self, task_id: str, beat: LastHeartbeat) -> bool:
        """Keeps a heartbeat, with the progress of the one before if it says none; whether the progress changed."""
        with self._lock:
            last = self._last.get(task_id)
            kept = beat.progress or (last.progress if last and last.token == beat.token else None)
            self._last[task_id] = replace(beat, progress=kept)
            return last is None or last.progress != kept

    def forget(self, task_id: str) -> None:
        """Drops what is known of a task that ended."""
        with self._lock:
            self._last.pop(task_id, None)

    def last(self, task_id: str, token: int) -> LastHeartbeat | None:
        """The last heartbeat under a token."""
        with self._lock:
            beat = self._last.get(task_id)
        return beat if beat and beat.token == token else None
