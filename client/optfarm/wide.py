"""The columns that `optfarm report --wide` adds: sizes as packed, memory, energy."""

from optfarm_tasks.schema.sweep import Row, SweepReport

HEADINGS = ("gzip (MB)", "zstd (MB)", "memory (MB)", "peak (MB)", "energy (mJ)")
_MB = 1e6


def wide_cells(row: Row) -> tuple[str, ...]:
    """A row's cells in the order of HEADINGS; empty where it was not measured or is not known."""
    measured = row.measurement
    energy = measured.energy if measured else None
    return (
        _mb(row.gzip_bytes),
        _mb(row.zstd_bytes),
        _mb(measured.model_rss_bytes if measured else None),
        _mb(measured.peak_rss_bytes if measured else None),
        "" if energy is None or energy.per_request_mj is None else f"{energy.per_request_mj:.3g}",
    )


def wide_notes(report: SweepReport) -> tuple[str, ...]:
    """What memory is counted from, and why there is no energy."""
    measured = [(row.device, row.measurement) for row in report.rows if row.measurement is not None]
    notes = [
        f"energy on {device} is not known: {each.energy.reason}"
        for device, each in measured
        if each.energy is not None and each.energy.reason is not None
    ]
    if any(each.model_rss_bytes is not None for _, each in measured):
        notes.insert(0, "memory is the peak beyond what the runtime itself takes, before it has loaded a model")
    return tuple(dict.fromkeys(notes))


def _mb(size_bytes: int | None) -> str:
    return "" if size_bytes is None else f"{size_bytes / _MB:.3g}"
