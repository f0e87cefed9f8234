"""The notes below a report's table: warnings, failures, ladders, and how many samples a gate lacks. Pure text."""

from collections.abc import Iterator

from optfarm.columns import label_mse, percent_text, rate_text
from optfarm.loss import Gate, gate_of, loss_ci95, samples_to_decide, why_no_interval
from optfarm_tasks.schema.ladder import Axis, Ladder, Rung, Stop
from optfarm_tasks.schema.result import Failure
from optfarm_tasks.schema.sweep import Row, SweepReport, TaskState

_LOG_LINES = 5
_AXES = {Axis.BATCH_SIZE: "batch", Axis.THREADS: "threads"}
_STOPS = {
    Stop.GAIN: "the last gained less than 5%",
    Stop.FIXED_BATCH: "the model has a fixed batch",
    Stop.MEMORY: "memory ends here",
    Stop.CORES: "the device has no more cores",
    Stop.LARGEST: "no larger batch is tried",
    Stop.TIME: "the next would take too long",
    Stop.REFUSED: "the runtime refuses the next",
}


def notes_of(report: SweepReport, *, max_loss: float | None = None, wide: bool = False) -> tuple[str, ...]:
    """What a reader of the table has to know, each line once.

    Args:
        report: the report.
        max_loss: adds how many samples would decide what a gate at this loss leaves undecided.
        wide: adds what memory is counted from, and why there is no energy.
    """
    truths = {
        "the labels" if label_mse(row) is not None else "the baseline's outputs" for row in report.rows if row.quality
    }
    notes = [f"MSE is against {truth}" for truth in sorted(truths)]
    notes += [note for row in report.rows for note in _row_notes(row)]
    notes += [f"skipped {each.recipe}{_on(each.device)}: {each.reason}" for each in report.skipped]
    notes += [] if max_loss is None else [note for row in report.rows for note in _gate_notes(row, max_loss)]
    notes += _wide_notes(report) if wide else []
    return tuple(dict.fromkeys(notes))


def failure_lines(failure: Failure, *, of: str = "", most: int | None = None) -> tuple[str, ...]:
    """The reason of a failure whole, and below it how the log ended, unless that only says it again.

    Args:
        failure: why.
        of: what stands before it: what failed.
        most: so many lines of the log at most.
    """
    if failure.is_skip:
        return (f"{of}{failure.ending}",)
    said = failure.message.partition("\n")[0]
    log = () if any(said in line for line in failure.log_tail) else failure.log_tail
    last = log if most is None else log[-most:]
    return f"{of}{failure.ending}", *(f"    {line}" for line in last)


def ladder_text(ladder: Ladder) -> str:
    """One line: batch 1: 820/s in 1.22 ms, 2: 1,502/s in 1.33 ms (+83%); the last gained less than 5%."""
    rungs = ", ".join(_rung(rung, ladder.axis) for rung in ladder.rungs)
    detail = f" ({ladder.detail})" if ladder.detail else ""
    return f"{_AXES[ladder.axis]} {rungs}; {_STOPS[ladder.stop]}{detail}"


def _rung(rung: Rung, axis: Axis) -> str:
    value = rung.batch_size if axis is Axis.BATCH_SIZE else rung.threads
    gain = "" if rung.gain is None else f" ({100 * rung.gain:+.0f}%)"
    return f"{value}: {rate_text(rung.throughput_per_s)}/s in {rung.p50_ns / 1e6:.3g} ms{gain}"


def _row_notes(row: Row) -> Iterator[str]:
    name = f"{row.recipe}{_on(row.device)}"
    yield from (f"{row.recipe}: {warning}" for warning in row.warnings)
    yield from (f"{name}: {ladder_text(ladder)}" for ladder in (row.measurement.ladders if row.measurement else ()))
    if row.quality is not None and row.quality.collapsed:
        yield f"{row.recipe} collapsed: {row.quality.collapse_reason or 'its outputs tell nothing any more'}"
    if row.failure is not None:
        # A technique says of the model that it has nothing to do, so it is the same on every device.
        of = row.recipe if row.failure.is_skip else name
        yield "\n".join(failure_lines(row.failure, of=f"{of} ", most=_LOG_LINES))
    elif row.state in {TaskState.BLOCKED, TaskState.CANCELLED}:
        yield f"{name} was {row.state}"


def _gate_notes(row: Row, max_loss: float) -> Iterator[str]:
    quality = row.quality
    if quality is None or gate_of(quality, max_loss) is not Gate.UNDECIDED:
        return
    interval, reason = loss_ci95(quality), why_no_interval(quality)
    if interval is None and reason is not None:
        yield f"{row.recipe}: whether it loses {percent_text(max_loss)} cannot be told: {reason}"
        return
    wanted = None if interval is None else samples_to_decide(interval, max_loss, samples=quality.samples)
    more = "more test samples" if wanted is None else f"about {wanted:,} test samples"
    yield f"{row.recipe}: {quality.samples} samples do not tell whether it loses {percent_text(max_loss)}; take {more}"


def _wide_notes(report: SweepReport) -> Iterator[str]:
    measured = [(row.device, row.measurement) for row in report.rows if row.measurement is not None]
    if any(each.model_rss_bytes is not None for _, each in measured):
        yield "memory is the peak beyond what the runtime itself takes, before it has loaded a model"
    for device, each in measured:
        if each.energy is not None and each.energy.reason is not None:
            yield f"energy on {device} is not known: {each.energy.reason}"


def _on(device: str | None) -> str:
    return "" if device is None else f" on {device}"
