"""One variant of a report, with its speed-up, its loss, and its artifact to fetch."""

from dataclasses import dataclass
from pathlib import Path

from optfarm.api import Api
from optfarm.download import pull
from optfarm.errors import NotFound
from optfarm.loss import Gate, gate_of, loss
from optfarm.transfer import OnProgress, no_progress
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.spec import Auto, Scenario
from optfarm_tasks.schema.sweep import TaskState
from optfarm_tasks.schema.tree import Tree


@dataclass(frozen=True)
class Row:
    """A variant on a device: what was measured, and the way to its artifact."""

    facts: sweep.Row
    api: Api

    @property
    def recipe(self) -> str:
        """The recipe that made the variant, as people write it."""
        return str(self.facts.recipe)

    @property
    def device(self) -> str:
        """Where it was timed."""
        return self.facts.device

    @property
    def speed_up(self) -> float | None:
        """Baseline time over its time on the same device, so above 1 it is faster; None where there is no ratio."""
        return None if self.facts.measurement is None else self.facts.measurement.ratio.value

    @property
    def loss(self) -> float | None:
        """The loss of quality, see `optfarm.loss`; None when not evaluated."""
        return None if self.facts.quality is None else loss(self.facts.quality)

    def pull(self, folder: str | Path, *, on_progress: OnProgress = no_progress) -> Path:
        """Brings the artifact's files into a folder; gives the folder.

        Raises:
            NotFound: it has no artifact, because it failed or is the baseline itself.
            FarmError: the farm refused or stayed away.
        """
        return pull(self.api.connection, self.tree(), Path(folder), on_progress=on_progress)

    def tree(self) -> Tree:
        """The files of the artifact, see `pull`."""
        if self.facts.convert_task is None:
            raise NotFound(f"{self.recipe} has no artifact of its own")
        task = self.api.task(self.facts.convert_task)
        if task.result is None:
            raise NotFound(f"{self.recipe} has no artifact: its conversion is {task.state}")
        return task.result.outputs


def is_eligible(row: sweep.Row, *, max_loss: float | None) -> bool:
    """Whether a variant may be called best: measured, to be trusted, not collapsed, surely within the loss allowed."""
    if row.state is not TaskState.DONE or row.measurement is None or row.measurement.verdict is Verdict.INVALID:
        return False
    if row.quality is None:
        return max_loss is None
    if row.quality.collapsed:
        return False
    return max_loss is None or gate_of(row.quality, max_loss) is Gate.PASS


def latency_ns(row: sweep.Row) -> float:
    """The headline time of one inference request; infinite when it was not measured.

    The estimator that the measurement names is used: clean_p50 where it stands, cpu_p50, else p50. In a scenario of
    throughput it is the time per sample.
    """
    measured = row.measurement
    if measured is None or measured.throughput_per_s == 0:
        return float("inf")
    if measured.scenario is not Scenario.SINGLE_STREAM:
        return 1e9 / measured.throughput_per_s
    named: dict[str, int | None] = {"clean_p50": measured.clean_p50_ns, "cpu_p50": measured.cpu_p50_ns}
    return named.get(measured.estimator) or measured.latency_ns.p50


def setting_of(row: sweep.Row) -> tuple[int | Auto, int | Auto]:
    """Threads and batch size as asked for; where that was auto, what the farm chose once it has measured."""
    chosen = row.measurement or row
    return (
        chosen.threads if row.threads == "auto" else row.threads,
        chosen.batch_size if row.batch_size == "auto" else row.batch_size,
    )


def fastest(rows: list[sweep.Row]) -> sweep.Row | None:
    """The row with the least time; None where there are no rows."""
    return min(rows, key=latency_ns, default=None)
