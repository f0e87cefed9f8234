"""A submitted sweep: watch it, cancel it, read its report."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from optfarm.api import Api
from optfarm.bundle.export import export
from optfarm.bundle.manifest import Manifest
from optfarm.connection import Away
from optfarm.progress import is_open
from optfarm.report import Report
from optfarm.transfer import OnProgress, no_progress
from optfarm_tasks.schema.sweep import SweepReceipt, SweepStatus

_PAUSE_S = 1.0


@dataclass(frozen=True)
class Sweep:
    """A handle on one sweep; it stays valid when the client or the scheduler starts again."""

    id: str
    api: Api
    receipt: SweepReceipt | None = None
    """Said at submit: devices, what is cached, what is skipped and why. None for a sweep looked up."""

    def status(self) -> SweepStatus:
        """Where the sweep and its tasks stand now."""
        return self.api.sweep_status(self.id)

    def follow(self) -> Iterator[SweepStatus]:
        """Each state of the sweep as it becomes known, the final one last. Blocks in between.

        The scheduler's stream of events is read; where that breaks, the state is asked for until it can be read again.

        Raises:
            FarmError: there is no such sweep, or the farm stayed away for longer than `retry_s`.
        """
        pause = threading.Event()
        while True:
            for status in chain([self.status()], self._streamed()):
                yield status
                if not is_open(status):
                    return
            pause.wait(_PAUSE_S)

    def _streamed(self) -> Iterator[SweepStatus]:
        try:
            yield from self.api.connection.statuses(self.id)
        except Away:
            return

    def wait(self, on_status: Callable[[SweepStatus], None] | None = None) -> Report:
        """Blocks until the sweep has ended; returns its report.

        Args:
            on_status: called with each state of the sweep as it becomes known.

        Raises:
            FarmError: the farm stayed away for longer than `retry_s`; the sweep goes on without the client.
        """
        for status in self.follow():
            if on_status is not None:
                on_status(status)
        return self.report()

    def cancel(self) -> SweepStatus:
        """Ends what runs and drops what waits; results that are stored stay."""
        return self.api.cancel_sweep(self.id)

    def report(self) -> Report:
        """The table as it stands; complete once the sweep has ended."""
        return Report(self.api.sweep_report(self.id), self.api)

    def bundle(
        self, path: str | Path, *, with_artifacts: bool = False, on_progress: OnProgress = no_progress
    ) -> Manifest:
        """Writes one tar file with everything that the numbers rest on; returns its manifest. See docs/bundle.md.

        Args:
            path: the file; one that is there is replaced once the new one is whole.
            with_artifacts: takes the optimised models along, not their digests alone.
            on_progress: called with the number of bytes each time some have arrived.

        Raises:
            BadRequest: the sweep still runs or compares nothing, or there is no folder for the file.
            FarmError: the farm refused or stayed away.
            OSError: the file cannot be written.
        """
        return export(self.api, self.id, Path(path), with_artifacts=with_artifacts, on_progress=on_progress)
