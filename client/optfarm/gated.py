"""The columns and notes that `optfarm report --max-loss` adds: the loss, and what a gate says of it."""

from optfarm.gate import Gate, samples_to_decide
from optfarm.loss import gate_of, loss, loss_ci95, why_no_interval
from optfarm.table import method_of
from optfarm_tasks.schema.sweep import Row, SweepReport


def gate_cells(row: Row, max_loss: float) -> tuple[str, str]:
    """The loss with its interval, and what a gate says of it; empty where quality was not scored."""
    return (shown_loss(row), "" if row.quality is None else gate_of(row.quality, max_loss))


def shown_loss(row: Row) -> str:
    """The loss with its interval over samples: 0.4% [0.1%, 0.7%]; empty where quality was not scored."""
    if row.quality is None:
        return ""
    value, interval = loss(row.quality), loss_ci95(row.quality)
    shown = "" if value is None else _percent(value)
    return shown if interval is None else f"{shown} [{_percent(interval[0])}, {_percent(interval[1])}]"


def gate_notes(report: SweepReport, max_loss: float) -> tuple[str, ...]:
    """How many samples would decide what is undecided."""
    return tuple(dict.fromkeys(note for row in report.rows for note in _gate_note(row, max_loss)))


def _gate_note(row: Row, max_loss: float) -> list[str]:
    quality = row.quality
    if quality is None or gate_of(quality, max_loss) is not Gate.UNDECIDED:
        return []
    interval, reason = loss_ci95(quality), why_no_interval(quality)
    if interval is None and reason is not None:
        return [f"{method_of(row)}: whether it loses {_percent(max_loss)} cannot be told: {reason}"]
    wanted = None if interval is None else samples_to_decide(interval, max_loss, samples=quality.samples)
    more = "more test samples" if wanted is None else f"about {wanted:,} test samples"
    return [
        f"{method_of(row)}: {quality.samples} samples do not tell whether it loses {_percent(max_loss)}; take {more}"
    ]


def _percent(value: float) -> str:
    return f"{100 * value:.3g}%"
