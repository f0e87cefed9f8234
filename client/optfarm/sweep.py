"""A submitted sweep: watch it, cancel it, read its report."""

from collections.abc import Callable
from pathlib import Path

from optfarm.bundle.export import export
from optfarm.bundle.manifest import Manifest
from optfarm.connection import Connection
from optfarm.report import Report
from optfarm.transfer import OnProgress
from optfarm.watch import follow
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.sweep import SweepReceipt, SweepStatus


class Sweep:
    """A handle on one sweep; it stays valid when the client or the scheduler starts again."""

    def __init__(self, sweep_id: str, connection: Connection, receipt: SweepReceipt | None = None) -> None:
        self.id = sweep_id
        self.receipt = receipt
        """Said at submit: devices, what is cached, what is skipped and why. None for a sweep looked up."""
        self._connection = connection

    def status(self) -> SweepStatus:
        """Where the sweep and its tasks stand now."""
        return self._connection.get(f"/v1/sweeps/{self.id}", SweepStatus)

    def wait(self, on_status: Callable[[SweepStatus], None] | None = None) -> Report:
        """Blocks until the sweep has ended; gives its report.

        Args:
            on_status: told each state of the sweep as it becomes known.

        Raises:
            FarmError: the farm stayed away for longer than `retry_s`; the sweep goes on without the client.
        """
        for status in follow(self._connection, self.id):
            if on_status is not None:
                on_status(status)
        return self.report()

    def cancel(self) -> SweepStatus:
        """Ends what runs and drops what waits; results that are stored stay."""
        return self._connection.post(f"/v1/sweeps/{self.id}/cancel", SweepStatus)

    def report(self) -> Report:
        """The table as it stands; complete once the sweep has ended."""
        return Report(self._connection.get(f"/v1/sweeps/{self.id}/report", sweep.SweepReport), self._connection)

    def bundle(self, path: str | Path, *, with_artifacts: bool = False, told: OnProgress = lambda _: None) -> Manifest:
        """Writes one tar file with everything that the numbers rest on; gives its manifest. See docs/bundle.md.

        Args:
            path: the file; one that is there is replaced once the new one is whole.
            with_artifacts: takes the optimised models along, not their digests alone.
            told: told the number of bytes each time some have arrived.

        Raises:
            BadRequest: the sweep still runs or compares nothing, or there is no folder for the file.
            FarmError: the farm refused or stayed away.
            OSError: the file cannot be written.
        """
        return export(self._connection, self.id, Path(path), with_artifacts=with_artifacts, told=told)
