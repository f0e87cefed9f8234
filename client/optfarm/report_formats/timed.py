"""A measured row with its raw samples, as each report format needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from optfarm.measured import RowKey, row_key
from optfarm_tasks.benchmark.analysis import rates, raw, stats
from optfarm_tasks.benchmark.analysis.pairs import CANDIDATE
from optfarm_tasks.benchmark.analysis.searches import TrialQueries, deciding, searches
from optfarm_tasks.benchmark.analysis.stats import Integers
from optfarm_tasks.benchmark.analysis.variant_stats import ServerSetting
from optfarm_tasks.schema.measurement import Measurement, Verdict
from optfarm_tasks.schema.sweep import Row, SweepReport


@dataclass(frozen=True)
class Timed:
    """A row that was measured."""

    row: Row
    measurement: Measurement
    wall_ns: Integers
    """Time of each request that counts (N,), over all processes, in the order in which they were timed.

    Of a Server: from the arrival of each query, at the highest rate of each search.
    """
    sent: tuple[TrialQueries, ...] = ()
    """Of a Server: the trial on which each search rests."""

    @property
    def method(self) -> str:
        """The recipe as people write it."""
        return str(self.row.recipe)

    def tail_ns(self, fraction: float) -> int | None:
        """A percentile by nearest rank; None where requests are too few, or were disturbed."""
        is_known = self.measurement.verdict is Verdict.CLEAN
        return stats.tail(self.wall_ns, fraction) if is_known else None

    def tail(self, fraction: float, *, unit_ns: float) -> float | None:
        """The same in another unit."""
        tail_ns = self.tail_ns(fraction)
        return None if tail_ns is None else tail_ns / unit_ns


def timed_rows(report: SweepReport, samples: Mapping[RowKey, raw.Columns]) -> Iterator[Timed]:
    """The rows of a report that were measured, in its order."""
    for row in report.rows:
        if row.measurement is not None:
            yield _timed(row, row.measurement, samples[row_key(row)])


def _timed(row: Row, measured: Measurement, columns: raw.Columns) -> Timed:
    if measured.server_rates is None:
        kept = raw.kept(columns)
        return Timed(row, measured, kept.wall_ns[kept.side == CANDIDATE])
    server = ServerSetting(measured.server_rates.latency_limit_ms, rates.AMOUNTS[measured.effort])
    finals = tuple(deciding(trials) for trials in searches(columns, CANDIDATE, server))
    return Timed(row, measured, np.concatenate([each.latency_ns for each in finals]), finals)
