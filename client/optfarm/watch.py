"""Follows a sweep to its end: by the scheduler's event stream, by asking again when that breaks."""

import threading
from collections.abc import Iterator

from optfarm.api import Api
from optfarm.connection import Away
from optfarm.progress import is_open
from optfarm_tasks.schema.sweep import SweepStatus

_PAUSE_S = 1.0


def follow(api: Api, sweep_id: str) -> Iterator[SweepStatus]:
    """Each state of a sweep as it becomes known, the final one last. Blocks in between.

    Raises:
        FarmError: there is no such sweep, or the farm stayed away for longer than `retry_s`.
    """
    pause = threading.Event()
    while True:
        status = api.sweep_status(sweep_id)
        yield status
        if not is_open(status):
            return
        for status in _streamed(api, sweep_id):
            yield status
            if not is_open(status):
                return
        pause.wait(_PAUSE_S)


def _streamed(api: Api, sweep_id: str) -> Iterator[SweepStatus]:
    try:
        yield from api.connection.statuses(sweep_id)
    except Away:
        return
