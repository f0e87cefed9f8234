"""What a report shows: the cells of its table, and the notes below it. Pure text, no terminal."""

import csv
import io
from typing import Any

from optfarm.ladder import shown_ladder, shown_rate
from optfarm.loss import loss, loss_ci95
from optfarm.row import latency_ns, setting_of
from optfarm_tasks.schema.measurement import Measurement, Ratio
from optfarm_tasks.schema.spec import Scenario
from optfarm_tasks.schema.sweep import Row, SweepReport, TaskState

_MB = 1e6
_HARDWARE = ("cpu_model", "gpu_name", "cores", "memory_bytes", "driver")


def cells_of(row: Row) -> dict[str, Any]:
    """A row as plain numbers and words; what is not known is None."""
    measured, quality = row.measurement, row.quality
    rates = measured.server_rates if measured else None
    threads, batch_size = setting_of(row)
    interval = measured.ratio.ci95 if measured else None
    lost = loss_ci95(quality) if quality else None
    return {
        "device": row.device,
        "method": method_of(row),
        "threads": threads,
        "batch_size": batch_size,
        "scenario": str(measured.scenario) if measured else None,
        "state": str(row.state),
        "cached": row.cached,
        "format": row.format,
        "size_mb": _mb(row.size_bytes),
        "gzip_mb": _mb(row.gzip_bytes),
        "zstd_mb": _mb(row.zstd_bytes),
        "label_mse": _label_mse(row),
        "mse": quality.mse if quality else None,
        "nmse": quality.nmse if quality else None,
        "loss": loss(quality) if quality else None,
        "loss_low": lost[0] if lost else None,
        "loss_high": lost[1] if lost else None,
        "collapsed": quality.collapsed if quality else None,
        "inference_ms": latency_ns(row) / 1e6 if measured and measured.scenario is Scenario.SINGLE_STREAM else None,
        "speed_up": measured.ratio.value if measured else None,
        "speed_up_low": interval[0] if interval else None,
        "speed_up_high": interval[1] if interval else None,
        "throughput_per_s": measured.throughput_per_s if measured else None,
        "rate_per_s": rates.rate_per_s if rates else None,
        "latency_limit_ms": rates.latency_limit_ms if rates else None,
        "peak_rss_mb": measured.peak_rss_bytes / _MB if measured else None,
        "floor_rss_mb": _mb(measured.floor_rss_bytes) if measured else None,
        "model_rss_mb": _mb(measured.model_rss_bytes) if measured else None,
        "energy_mj": measured.energy.per_request_mj if measured and measured.energy else None,
        "verdict": str(measured.verdict) if measured else None,
        "flags": " ".join(measured.flags) if measured else None,
        "reason": str(row.failure.reason) if row.failure else None,
    }


def _mb(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / _MB


def shown_row(report: SweepReport, row: Row) -> tuple[str, ...]:
    """The cells that people read, in the order of `headings`."""
    measured = row.measurement
    return (
        f"{method_of(row)}{_setting(report, row)}",
        "" if row.size_bytes is None else f"{row.size_bytes / _MB:.3g}",
        _mse(row),
        "" if measured is None else _speed(row, measured),
        "" if measured is None else shown_ratio(measured.ratio),
        shown_verdict(row),
    )


def headings(report: SweepReport) -> tuple[str, ...]:
    """The headings of a report's table: what is measured depends on the scenario."""
    speeds = {
        Scenario.SINGLE_STREAM: "inference (ms)",
        Scenario.OFFLINE: "samples/s",
        Scenario.SERVER: f"queries/s, p99 ≤ {report.latency_limit_ms or 0:g} ms",
    }
    return ("method", "size (MB)", "MSE", speeds[report.scenario], "speed-up [95%]", "verdict")


def _setting(report: SweepReport, row: Row) -> str:
    """Threads and batch size where they vary, or where the farm chose them."""
    settings = {(each.threads, each.batch_size) for each in report.rows}
    if len(settings) == 1 and "auto" not in {row.threads, row.batch_size}:
        return ""
    threads, batch_size = setting_of(row)
    return f" (threads {threads}, batch {batch_size})"


def _speed(row: Row, measured: Measurement) -> str:
    if measured.server_rates is not None:
        return shown_rate(measured.server_rates.rate_per_s)
    if measured.scenario is Scenario.OFFLINE:
        return shown_rate(measured.throughput_per_s)
    return f"{latency_ns(row) / 1e6:.3g}"


def method_of(row: Row) -> str:
    """The recipe as people write it."""
    return str(row.recipe)


def shown_ratio(ratio: Ratio) -> str:
    """A speed-up with its interval: 3.91 [3.85, 3.97]."""
    if ratio.value is None:
        return "none"
    value = f"{ratio.value:.2f}"
    return value if ratio.ci95 is None else f"{value} [{ratio.ci95[0]:.2f}, {ratio.ci95[1]:.2f}]"


def hardware_line(report: SweepReport, device: str) -> str:
    """What the device is, as one line."""
    attributes = report.devices.get(device, {})
    said = [_attribute(name, attributes[name]) for name in _HARDWARE if attributes.get(name)]
    return ", ".join((device, *said))


def devices_of(report: SweepReport) -> tuple[str, ...]:
    """The devices of the table, in its order."""
    return tuple(dict.fromkeys(row.device for row in report.rows))


def notes_of(report: SweepReport) -> tuple[str, ...]:
    """What is said below the table: warnings, collapses, failures with their last log lines, what was skipped."""
    truths = {
        "the labels" if _label_mse(row) is not None else "the baseline's outputs" for row in report.rows if row.quality
    }
    notes = [f"MSE is against {truth}" for truth in sorted(truths)]
    notes += [note for row in report.rows for note in _row_notes(row)]
    skipped = [f"skipped {each.recipe}{_on(each.device)}: {each.reason}" for each in report.skipped]
    return tuple(dict.fromkeys([*notes, *skipped]))


def markdown_text(report: SweepReport) -> str:
    """The whole report in Markdown, a table a device."""
    lines = [f"# Sweep {report.sweep_id} of {report.model}"]
    for device in devices_of(report):
        rows = [shown_row(report, row) for row in report.rows if row.device == device]
        lines += ["", f"## {hardware_line(report, device)}", "", markdown_line(headings(report)), markdown_line(_RULES)]
        lines += [markdown_line(row) for row in rows]
    notes = notes_of(report)
    lines += ["", *(f"- {note.replace(chr(10), f'{chr(10)}  ')}" for note in notes)] if notes else []
    return "\n".join(lines) + "\n"


def csv_text(report: SweepReport) -> str:
    """The table as numbers in CSV, with a header."""
    rows = [cells_of(row) for row in report.rows]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["device", "method"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


_RULES = ("---", *["---:"] * 4, "---")


def markdown_line(cells: tuple[str, ...]) -> str:
    """One row of a table in Markdown."""
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _mse(row: Row) -> str:
    if row.quality is None:
        return ""
    error = row.quality.mse if _label_mse(row) is None else _label_mse(row)
    value = "not finite" if error is None else f"{error:.3g}"
    accuracy = [f"({score.name} {score.value:.3g})" for score in row.quality.scores[:1] if score.higher_is_better]
    return " ".join([value, *accuracy, *(["COLLAPSED"] if row.quality.collapsed else [])])


def _label_mse(row: Row) -> float | None:
    scores = row.quality.scores if row.quality else ()
    return next((score.value for score in scores if score.name == "mse"), None)


def shown_verdict(row: Row) -> str:
    """The verdict on the measurement with its flags, or why there is none."""
    if row.failure is not None:
        return f"failed: {row.failure.reason}"
    if row.measurement is None:
        return str(row.state)
    return " ".join((str(row.measurement.verdict), *(f"({flag})" for flag in row.measurement.flags)))


def _row_notes(row: Row) -> list[str]:
    name = f"{method_of(row)}{_on(row.device)}"
    notes = [f"{method_of(row)}: {warning}" for warning in row.warnings]
    notes += [f"{name}: {shown_ladder(ladder)}" for ladder in (row.measurement.ladders if row.measurement else ())]
    if row.quality is not None and row.quality.collapsed:
        reason = row.quality.collapse_reason or "its outputs tell nothing any more"
        notes.append(f"{method_of(row)} collapsed: {reason}")
    if row.failure is not None:
        log = [f"    {line}" for line in row.failure.log_tail[-5:]]
        notes.append("\n".join((f"{name} failed, {row.failure.reason}: {row.failure.message}", *log)))
    elif row.state in {TaskState.BLOCKED, TaskState.CANCELLED}:
        notes.append(f"{name} was {row.state}")
    return notes


def _on(device: str | None) -> str:
    return "" if device is None else f" on {device}"


def _attribute(name: str, value: Any) -> str:
    if name == "memory_bytes":
        return f"{value / 2**30:.0f} GiB"
    return f"{value} {name}" if name in {"cores", "driver"} else str(value)
