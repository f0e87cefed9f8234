"""What a worker says while it waits for the machine's lock."""

from collections.abc import Callable, Sequence
from datetime import datetime

from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.waiting import Holder, Waiting, WaitsFor

_SHOWN = 4
"""So many holders are named: a whole machine full of workers may share the lock that a benchmark waits for."""


class MachineWait:
    """Reports a wait that began at a time, with whoever holds the machine, and its end; nothing if there is no wait."""

    def __init__(self, report: Callable[[Progress], None], *, since: datetime) -> None:
        self._report = report
        self._since = since
        self._has_begun = False

    def goes_on(self, holders: Sequence[Holder]) -> None:
        """These hold the machine now."""
        self._has_begun = True
        waiting = Waiting(
            reason=WaitsFor.MACHINE, message=in_words(holders), since=self._since, holders=tuple(holders[:_SHOWN])
        )
        self._report(Progress(phase="waiting for the machine", fraction=0, waiting=waiting))

    def ends(self) -> None:
        """The machine is this worker's."""
        if self._has_begun:
            self._report(Progress(phase="starting", fraction=0))


def in_words(holders: Sequence[Holder]) -> str:
    """Who holds the machine: `process 4711 (optfarm-worker) holds this machine's lock`."""
    named = [f"process {each.pid}" + (f" ({each.name})" if each.name else "") for each in holders[:_SHOWN]]
    more = [f"{len(holders) - _SHOWN} more"] if len(holders) > _SHOWN else []
    who = " and ".join([*named, *more]) or "another process"
    return f"{who} {'hold' if len(holders) > 1 else 'holds'} this machine's lock"
