"""A measured row with its samples, as each shape needs it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from optfarm.measured import Place, place_of
from optfarm_tasks.benchmark import raw, stats
from optfarm_tasks.benchmark.pairs import CANDIDATE
from optfarm_tasks.benchmark.stats import Integers
from optfarm_tasks.measurement import Measurement, Verdict
from optfarm_tasks.sweep import Report, Row


@dataclass(frozen=True)
class Timed:
    """A row that was measured."""

    row: Row
    measurement: Measurement
    wall_ns: Integers
    """Time of each request that counts (N,), over all processes, in the order in which they were timed."""

    @property
    def method(self) -> str:
        """The recipe as people write it."""
        return str(self.row.recipe)

    def tail_ns(self, fraction: float) -> int | None:
        """A percentile by nearest rank; None where requests are too few, or were disturbed, to tell it."""
        is_told = self.measurement.verdict is Verdict.CLEAN
        return stats.tail(self.wall_ns, fraction) if is_told else None


def timed_rows(report: Report, samples: Mapping[Place, raw.Columns]) -> Iterator[Timed]:
    """The rows of a report that were measured, in its order."""
    for row in report.rows:
        if row.measurement is not None:
            kept = raw.kept(samples[place_of(row)])
            yield Timed(row, row.measurement, kept.wall_ns[kept.side == CANDIDATE])
