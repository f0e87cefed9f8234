"""What a worker says while it waits for the machine's lock."""

from collections.abc import Callable, Sequence
from datetime import datetime

from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.waiting import Holder, Waiting, WaitsFor

MIB = 1 << 20
_SHOWN = 4
"""So many holders are named: a whole machine full of workers may share the lock that a benchmark waits for."""


class MachineWait:
    """Reports a wait that began at a time, with whoever holds the machine, and its end; nothing if there is no wait."""

    def __init__(self, report: Callable[[Progress], None], *, since: datetime) -> None:
        self._report = report
        self._since = since
        self._has_begun = False

    def goes_on(self, holders: Sequence[Holder], *, held: str = "this machine's lock") -> None:
        """These hold the machine now, or what of it is named."""
        self._has_begun = True
        waiting = Waiting(
            reason=WaitsFor.MACHINE, message=in_words(holders, held), since=self._since, holders=tuple(holders[:_SHOWN])
        )
        self._report(Progress(phase="waiting for the machine", fraction=0, waiting=waiting))

    def ends(self) -> None:
        """The machine is this worker's."""
        if self._has_begun:
            self._report(Progress(phase="starting", fraction=0))


def in_words(holders: Sequence[Holder], held: str) -> str:
    """Who holds what: `process 4711 (optfarm-worker) holds this machine's lock`."""
    named = [_named(each) for each in holders[:_SHOWN]]
    more = [f"{len(holders) - _SHOWN} more"] if len(holders) > _SHOWN else []
    who = " and ".join([*named, *more]) or "another process"
    return f"{who} {'hold' if len(holders) > 1 else 'holds'} {held}"


def _named(holder: Holder) -> str:
    size = None if holder.memory_bytes is None else f"{holder.memory_bytes / MIB:.0f} MiB"
    told = ", ".join(each for each in (holder.name, size) if each)
    return f"process {holder.pid}" + (f" ({told})" if told else "")
