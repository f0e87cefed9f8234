"""A report as text and as plain numbers: Markdown, CSV, and the cells of its data frame. No terminal."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from optfarm.columns import Column, cells_of, columns_of, gate_text, label_mse
from optfarm.loss import loss, loss_ci95
from optfarm.notes import notes_of
from optfarm.ranking import latency_ns, setting_of
from optfarm_tasks.schema.spec import Scenario
from optfarm_tasks.schema.sweep import Row, SweepReport

_MB = 1e6
_HARDWARE = ("cpu_model", "gpu_name", "cores", "memory_bytes", "driver")


def values_of(row: Row) -> dict[str, Any]:
    """A row as plain numbers and words; what is not known is None."""
    measured, quality = row.measurement, row.quality
    rates = measured.server_rates if measured else None
    threads, batch_size = setting_of(row)
    interval = measured.ratio.ci95 if measured else None
    lost = loss_ci95(quality) if quality else None
    return {
        "device": row.device,
        "method": str(row.recipe),
        "threads": threads,
        "batch_size": batch_size,
        "scenario": str(measured.scenario) if measured else None,
        "state": str(row.state),
        "cached": row.cached,
        "format": row.format,
        "size_mb": _mb(row.size_bytes),
        "gzip_mb": _mb(row.gzip_bytes),
        "zstd_mb": _mb(row.zstd_bytes),
        "label_mse": label_mse(row),
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


def _gate(row: Row, max_loss: float | None) -> dict[str, str | None]:
    return {} if max_loss is None else {"gate": gate_text(row, max_loss) or None}


def _mb(size_bytes: int | None) -> float | None:
    return None if size_bytes is None else size_bytes / _MB


def hardware_line(report: SweepReport, device: str) -> str:
    """What the device is, as one line."""
    attributes = report.devices.get(device, {})
    said = [_attribute(name, attributes[name]) for name in _HARDWARE if attributes.get(name)]
    return ", ".join((device, *said))


def devices_of(report: SweepReport) -> tuple[str, ...]:
    """The devices of the table, in its order."""
    return tuple(dict.fromkeys(row.device for row in report.rows))


def markdown_text(report: SweepReport, *, max_loss: float | None = None) -> str:
    """The whole report in Markdown, a table a device; a largest loss adds what its gate says."""
    columns = columns_of(report, max_loss=max_loss)
    lines = [f"# Sweep {report.sweep_id} of {report.model}"]
    for device in devices_of(report):
        rows = [row for row in report.rows if row.device == device]
        lines += ["", f"## {hardware_line(report, device)}", "", *markdown_table(columns, rows)]
    notes = notes_of(report, max_loss=max_loss)
    lines += ["", *(f"- {note.replace(chr(10), f'{chr(10)}  ')}" for note in notes)] if notes else []
    return "\n".join(lines) + "\n"


def csv_text(report: SweepReport, *, max_loss: float | None = None) -> str:
    """The table as numbers in CSV, with a header; a largest loss adds what its gate says."""
    rows = [values_of(row) | _gate(row, max_loss) for row in report.rows]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["device", "method"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def markdown_table(shown: tuple[Column, ...], rows: Iterable[Row]) -> list[str]:
    """The lines of a table in Markdown."""
    rules = ("---" if column.is_text else "---:" for column in shown)
    lines = (tuple(column.heading for column in shown), rules, *(cells_of(shown, row) for row in rows))
    return [markdown_line(cells) for cells in lines]


def markdown_line(cells: Iterable[str]) -> str:
    """One line of a table in Markdown; a bar within a cell is escaped."""
    escaped = (cell.replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


def _attribute(name: str, value: Any) -> str:
    if name == "memory_bytes":
        return f"{value / 2**30:.0f} GiB"
    return f"{value} {name}" if name in {"cores", "driver"} else str(value)
