"""Follows a sweep to its end: by the scheduler's event stream, by asking again when that breaks."""

import threading
from collections.abc import Iterator

from optfarm.connection import Away, Connection
from optfarm_tasks.schema.sweep import SweepState, SweepStatus

_PAUSE_S = 1.0


def follow(connection: Connection, sweep_id: str) -> Iterator[SweepStatus]:
    """Each state of a sweep as it becomes known, the final one last. Blocks in between.

    Raises:
        FarmError: there is no such sweep, or the farm stayed away for longer than `retry_s`.
    """
    pause = threading.Event()
    while True:
        status = connection.get(f"/v1/sweeps/{sweep_id}", SweepStatus)
        yield status
        if is_over(status):
            return
        for status in _streamed(connection, sweep_id):
            yield status
            if is_over(status):
                return
        pause.wait(_PAUSE_S)


def is_over(status: SweepStatus) -> bool:
    """Whether nothing of the sweep will change any more."""
    return status.state is not SweepState.RUNNING


def _streamed(connection: Connection, sweep_id: str) -> Iterator[SweepStatus]:
    try:
        yield from connection.statuses(sweep_id)
    except Away:
        return
