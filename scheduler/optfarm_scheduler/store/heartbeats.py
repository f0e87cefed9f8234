"""The last heartbeat of each running task, in memory.

Heartbeats come every second, and a disk that syncs for each of them would disturb the very clock that benchmarks
read. After a restart of the scheduler leases are given time to be renewed, so nothing is lost with this memory.
"""

import threading
from dataclasses import dataclass

from optfarm_tasks.schema.lease import Progress


@dataclass(frozen=True)
class Beat:
    """What the last heartbeat said."""

    token: int
    lease_until: float
    progress: Progress | None


class Pulse:
    """Task → its last heartbeat; safe to use from many threads."""

    def __init__(self) -> None:
        self._beats: dict[str, Beat] = {}
        self._lock = threading.Lock()

    def note(self, task_id: str, beat: Beat) -> bool:
        """Keeps a heartbeat; tells whether its progress is news."""
        with self._lock:
            last = self._beats.get(task_id)
            kept = beat.progress or (last.progress if last and last.token == beat.token else None)
            self._beats[task_id] = Beat(token=beat.token, lease_until=beat.lease_until, progress=kept)
            return last is None or last.progress != kept

    def forget(self, task_id: str) -> None:
        """Drops what is known of a task that ended."""
        with self._lock:
            self._beats.pop(task_id, None)

    def last(self, task_id: str, token: int) -> Beat | None:
        """The last heartbeat under a token."""
        with self._lock:
            beat = self._beats.get(task_id)
        return beat if beat and beat.token == token else None
