"""The columns of the tables that people read: each has a heading, and a cell for a row of a report. Pure text."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from optfarm.loss import gate_of, loss, loss_ci95
from optfarm.ranking import latency_ns, setting_of
from optfarm_tasks.schema.measurement import Ratio
from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.spec import Scenario
from optfarm_tasks.schema.sweep import Row, SweepReport


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    heading: str
    cell: Callable[[Row], str]
    """What a row has in it; empty where that was not measured or is not known."""
    is_text: bool = False
    """Text stands at the left of a column, a number at its right."""
    breaks_at: str | None = None
    """Where its cells may be broken over two lines: at spaces, unless it says otherwise."""
    is_whole: bool = False
    """Whether its cells are never broken over two lines."""
    worth: int | None = None
    """Where a table is too wide, the column of least worth is left out first; None for one that always stays."""


def columns_of(report: SweepReport, *, max_loss: float | None = None, wide: bool = False) -> tuple[Column, ...]:
    """The columns of a report's table; what is measured depends on the scenario.

    Args:
        report: the report.
        max_loss: adds the loss, and what a gate at this loss says of each variant.
        wide: adds packed sizes, memory and energy.
    """
    speeds = {
        Scenario.SINGLE_STREAM: "inference (ms)",
        Scenario.OFFLINE: "samples/s",
        Scenario.SERVER: f"queries/s, p99 ≤ {report.latency_limit_ms or 0:g} ms",
    }
    gate = Column("gate", lambda row: gate_text(row, max_loss or 0), is_text=True, is_whole=True)
    speed = Column(speeds[report.scenario], speed_text, is_whole=True, worth=4)
    return (
        Column("method", lambda row: f"{row.recipe}{_setting(report, row)}", is_text=True),
        SIZE,
        Column("MSE", _mse, worth=5),
        speed,
        SPEED_UP,
        VERDICT,
        *(() if max_loss is None else (LOSS, gate)),
        *(WIDE if wide else ()),
    )


def cells_of(columns: Iterable[Column], row: Row) -> tuple[str, ...]:
    """A row's cells in the order of the columns."""
    return tuple(column.cell(row) for column in columns)


def speed_text(row: Row) -> str:
    """The time of an inference in ms, or the rate per second in a scenario of throughput."""
    measured = row.measurement
    if measured is None:
        return ""
    if measured.server_rates is not None:
        return rate_text(measured.server_rates.rate_per_s)
    if measured.scenario is Scenario.OFFLINE:
        return rate_text(measured.throughput_per_s)
    return f"{latency_ns(row) / 1e6:.3g}"


def rate_text(per_s: float) -> str:
    """A rate to three digits, or to the whole number where that says more."""
    return f"{per_s:,.0f}" if per_s >= 100 else f"{per_s:.3g}"  # noqa: PLR2004 (three digits)


def ratio_text(ratio: Ratio | None) -> str:
    """A speed-up with its interval: 3.91 [3.85, 3.97]; empty where there was no measurement."""
    if ratio is None:
        return ""
    if ratio.value is None:
        return "none"
    value = f"{ratio.value:.2f}"
    return value if ratio.ci95 is None else f"{value} [{ratio.ci95[0]:.2f}, {ratio.ci95[1]:.2f}]"


def loss_text(row: Row) -> str:
    """The loss with its interval over samples: 0.4% [0.1%, 0.7%]; empty where quality was not scored."""
    if row.quality is None:
        return ""
    value, interval = loss(row.quality), loss_ci95(row.quality)
    shown = "" if value is None else percent_text(value)
    return shown if interval is None else f"{shown} [{percent_text(interval[0])}, {percent_text(interval[1])}]"


def gate_text(row: Row, max_loss: float) -> str:
    """What a gate says of the loss; empty where quality was not scored."""
    return "" if row.quality is None else gate_of(row.quality, max_loss)


def percent_text(share: float) -> str:
    """A share as a percentage of three digits."""
    return f"{100 * share:.3g}%"


def verdict_text(row: Row) -> str:
    """The verdict on the measurement with its flags, or why there is none."""
    if row.failure is not None:
        return "skipped" if row.failure.is_skip else f"failed: {row.failure.reason}"
    if row.measurement is None:
        return str(row.state)
    return " ".join((str(row.measurement.verdict), *(f"({flag})" for flag in row.measurement.flags)))


def label_mse(row: Row) -> float | None:
    """The mean square error against the labels; None where they are none, or their score is another."""
    scores = row.quality.scores if row.quality else ()
    return next((score.value for score in scores if score.name == "mse"), None)


def _setting(report: SweepReport, row: Row) -> str:
    """Threads and batch size where they vary, or where the farm chose them."""
    settings = {(each.threads, each.batch_size) for each in report.rows}
    if len(settings) == 1 and "auto" not in {row.threads, row.batch_size}:
        return ""
    threads, batch_size = setting_of(row)
    return f" (threads {threads}, batch {batch_size})"


def _mse(row: Row) -> str:
    if row.quality is None:
        return ""
    error = row.quality.mse if label_mse(row) is None else label_mse(row)
    accuracy = [f"({score.name} {score.value:.3g})" for score in row.quality.scores[:1] if score.higher_is_better]
    value = _no_error(row.quality) if error is None else f"{error:.3g}"
    return " ".join(filter(None, [value, *accuracy, "COLLAPSED" if row.quality.collapsed else ""]))


def _no_error(quality: Quality) -> str:
    """Why there is no error: outputs are not finite, or answer to none of the baseline's; nothing beside a score."""
    if quality.scores:
        return ""
    return "not finite" if quality.collapsed else "not scored"


def _mb(size_bytes: int | None) -> str:
    return "" if size_bytes is None else f"{size_bytes / 1e6:.3g}"


def _energy(row: Row) -> str:
    energy = row.measurement.energy if row.measurement else None
    return "" if energy is None or energy.per_request_mj is None else f"{energy.per_request_mj:.3g}"


SIZE = Column("size (MB)", lambda row: _mb(row.size_bytes), is_whole=True, worth=3)
SPEED_UP = Column(
    "speed-up [95%]", lambda row: ratio_text(row.measurement.ratio if row.measurement else None), is_whole=True
)
LOSS = Column("loss [95%]", loss_text, is_whole=True, worth=6)
VERDICT = Column("verdict", verdict_text, is_text=True, breaks_at=" (")
WIDE = (
    Column("gzip (MB)", lambda row: _mb(row.gzip_bytes), worth=2),
    Column("zstd (MB)", lambda row: _mb(row.zstd_bytes), worth=2),
    Column("memory (MB)", lambda row: _mb(row.measurement.model_rss_bytes if row.measurement else None), worth=2),
    Column("peak (MB)", lambda row: _mb(row.measurement.peak_rss_bytes if row.measurement else None), worth=1),
    Column("energy (mJ)", _energy, worth=1),
)
"""What `optfarm report --wide` adds."""
