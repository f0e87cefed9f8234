"""All documents of a sweep in one report format, under the file names by which other tools find them."""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count, groupby
from pathlib import Path

from optfarm.errors import BadRequest
from optfarm.measured import RowKey
from optfarm.report_formats import ReportFormat, mlperf, model_analyzer, optimum_benchmark
from optfarm.report_formats.timed import Timed, timed_rows
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.schema.sweep import SweepReport

_PER_VARIANT: dict[ReportFormat, tuple[str, Callable[[Timed], str]]] = {
    ReportFormat.OPTIMUM_BENCHMARK: (optimum_benchmark.FILE, optimum_benchmark.document),
    ReportFormat.MLPERF: (mlperf.FILE, mlperf.document),
}


def documents(shape: ReportFormat, report: SweepReport, samples: Mapping[RowKey, raw.Columns]) -> dict[str, str]:
    """Path → text: DEVICE/VARIANT/FILE, and DEVICE/FILE where one document holds all variants.

    Args:
        shape: the tool whose report they look like.
        report: the table.
        samples: of each row that was measured, by its key.

    Raises:
        BadRequest: nothing was measured, or the shape has no form for the scenario.
    """
    rows = sorted(timed_rows(report, samples), key=lambda timed: timed.row.device)
    if not rows:
        raise BadRequest(f"nothing in sweep {report.sweep_id} was measured; there is nothing to export")
    found: dict[str, str] = {}
    for device, group in groupby(rows, key=lambda timed: timed.row.device):
        variants = _named(list(group))
        if shape in _PER_VARIANT:
            file, document = _PER_VARIANT[shape]
            folders = folder_names([name for name, _ in variants])
            texts = (document(timed) for _, timed in variants)
            found |= {f"{device}/{folder}/{file}": text for folder, text in zip(folders, texts, strict=True)}
        else:
            found[f"{device}/{model_analyzer.FILE}"] = model_analyzer.document(report.model, variants)
    return found


def write(found: Mapping[str, str], folder: Path) -> tuple[Path, ...]:
    """Writes documents below a folder; gives their paths.

    Raises:
        OSError: one cannot be written.
    """
    for name, text in found.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return tuple(folder / name for name in found)


def folder_names(variants: Sequence[str]) -> list[str]:
    """The names of variants as those of folders, each another one."""
    taken: list[str] = []
    for variant in variants:
        plain = re.sub(r"[^A-Za-z0-9._]+", "-", variant).strip("-.")
        numbered = (f"{plain}-{number}" if number > 1 else plain for number in count(1))
        taken.append(next(name for name in numbered if name not in taken))
    return taken


def _named(rows: Sequence[Timed]) -> list[tuple[str, Timed]]:
    """The variants with distinct names: these have the setting where that varies."""
    if len({(timed.row.threads, timed.row.batch_size) for timed in rows}) == 1:
        return [(timed.method, timed) for timed in rows]
    return [(f"{timed.method} threads-{timed.row.threads} batch-{timed.row.batch_size}", timed) for timed in rows]
