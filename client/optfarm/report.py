"""A sweep's table for programs: its rows, the best of them, and a pandas frame."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from optfarm.api import Api
from optfarm.errors import BadRequest
from optfarm.measured import samples
from optfarm.ranking import fastest, is_eligible, ties_with
from optfarm.report_formats import ReportFormat, documents
from optfarm.row import Row
from optfarm.table import csv_text, devices_of, markdown_text, values_of
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.faults import nearest

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Report:
    """The table of a sweep."""

    facts: sweep.SweepReport
    api: Api

    def __repr__(self) -> str:
        """A line that says what it is; print(report.to_markdown()) prints the table."""
        facts = self.facts
        on = f" on {', '.join(devices_of(facts))}" if facts.rows else ""
        return f"Report(sweep {facts.sweep_id} of {facts.model}, {facts.state}: {len(facts.rows)} rows{on})"

    @property
    def rows(self) -> tuple[Row, ...]:
        """One row a variant and device, in the order of the table."""
        return tuple(Row(row, self.api) for row in self.facts.rows)

    def best(self, max_loss: float | None = None, *, device: str | None = None) -> Row | None:
        """The fastest variant that may be trusted, did not collapse, and surely loses no more quality than allowed.

        Args:
            max_loss: the largest loss, as `optfarm.loss` defines it: 0.01 is 1% worse than the baseline. The upper end
                of the loss's 95% interval has to keep it. A variant that was never evaluated is left out.
            device: looks at this device only; times of different devices are compared otherwise.

        Returns:
            None when no variant qualifies. Its `ties` name those that may be as fast.

        Raises:
            BadRequest: there is no such device in the table.
        """
        there = devices_of(self.facts)
        if device is not None and device not in there:
            raise BadRequest(f"nothing was timed on {device!r}; {nearest(device, there)}")
        rows = [row for row in self.facts.rows if device in {None, row.device}]
        eligible = [row for row in rows if is_eligible(row, max_loss=max_loss)]
        found = fastest(eligible)
        return None if found is None else Row(found, self.api, ties=ties_with(found, eligible))

    def to_dataframe(self) -> "pd.DataFrame":
        """The table as numbers, one row a variant and device; needs `pip install 'optfarm[dataframe]'`."""
        import pandas as pd  # noqa: PLC0415 (an extra, and slow to import)

        return pd.DataFrame([values_of(row) for row in self.facts.rows])

    def to_csv(self, max_loss: float | None = None) -> str:
        """The table as numbers in CSV; with `max_loss` what a gate at this loss says, as the column gate."""
        return csv_text(self.facts, max_loss=max_loss)

    def to_markdown(self, max_loss: float | None = None) -> str:
        """The table as people read it, in Markdown; with `max_loss` with the loss and the gate."""
        return markdown_text(self.facts, max_loss=max_loss)

    def documents(self, shape: str) -> dict[str, str]:
        """The measurements as another tool would have written them: path → text. Fetches the raw samples.

        Args:
            shape: optimum-benchmark, mlperf or model-analyzer; see docs/report-formats.md.

        Raises:
            BadRequest: there is no such shape, or nothing was measured.
            FarmError: the farm refused or stayed away.
        """
        if shape not in list(ReportFormat):
            raise BadRequest(f"there is no shape {shape!r}; there are {', '.join(ReportFormat)}")
        status = self.api.sweep_status(self.facts.sweep_id)
        return documents.documents(ReportFormat(shape), self.facts, samples(self.api, status))

    def export(self, shape: str, folder: str | Path) -> tuple[Path, ...]:
        """Writes the documents below a folder; gives their paths. See `documents`."""
        return documents.write(self.documents(shape), Path(folder))
