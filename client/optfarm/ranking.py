"""Which variants of a table may be called best, and how long an inference of each takes. Pure."""

from collections.abc import Sequence
from math import inf

from optfarm.loss import Gate, gate_of
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.spec import Auto, Scenario
from optfarm_tasks.schema.sweep import TaskState


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


def time_interval_ns(row: sweep.Row) -> tuple[float, float]:
    """Within which its time surely is, by the 95% interval of its ratio; anything where that is not known."""
    ratio = None if row.measurement is None else row.measurement.ratio
    if ratio is None or ratio.value is None or ratio.ci95 is None or ratio.ci95[0] <= 0:
        return 0.0, inf
    return latency_ns(row) * ratio.value / ratio.ci95[1], latency_ns(row) * ratio.value / ratio.ci95[0]


def ties_with(best: sweep.Row, rows: Sequence[sweep.Row]) -> tuple[str, ...]:
    """The recipes of other rows whose times may be as short as that of the best."""
    _, end = time_interval_ns(best)
    found = (row for row in rows if row is not best and time_interval_ns(row)[0] <= end)
    return tuple(dict.fromkeys(str(row.recipe) for row in sorted(found, key=latency_ns)))


def fastest(rows: list[sweep.Row]) -> sweep.Row | None:
    """The row with the least time; None where there are no rows."""
    return min(rows, key=latency_ns, default=None)
