"""The last section of docs/techniques.md: one table for each model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.techniques.models import Subject
from optfarm.columns import SPEED_UP, verdict_text
from optfarm.loss import loss
from optfarm_tasks.schema.sweep import Row, SweepReport, TaskState

HEADINGS = ("recipe", "ended", "MB", "lost", "p50 ms", "speed-up [95%]", "verdict", "peak MB", "of at most")
BASE_BYTES, FACTOR = 2_500_000_000, 4
"""A conversion may take so much, and so many times the model's size."""
CLUSTERED = {"cqat": 6_000_000_000, "pcqat": 6_000_000_000}
"""Recipe that clusters and emulates int8 at once → what it may take."""

HEADING = "## Every technique, tried"
HEAD = """
Written by `python -m benchmarks.techniques` on {hardware}.

Each technique with its defaults, on one thread and batch 1 against the TensorFlow SavedModel, effort `quick`. *Lost*
is the rise of the error on the labels, or, without labels, the mean square difference from the baseline's outputs over
their variance. *Peak* is the resident memory of the conversion's process tree; it may take {factor} times the model's
size and {base:.1f} GB, `cqat` and `pcqat` 6 GB. What was skipped or failed says why.
"""


@dataclass(frozen=True)
class Tried:
    """What came of a sweep of every technique over one model."""

    subject: Subject
    model_bytes: int
    report: SweepReport
    peaks: dict[str, int]
    """Recipe → bytes of its conversion."""

    def limit_bytes(self, recipe: str) -> int:
        """What a conversion of this model may take."""
        return CLUSTERED.get(recipe, BASE_BYTES + FACTOR * self.model_bytes)

    @property
    def is_within(self) -> bool:
        """Whether every conversion kept to it."""
        return all(peak <= self.limit_bytes(recipe) for recipe, peak in self.peaks.items())


def renewed(page: str, tried: Iterable[Tried], *, hardware: str) -> str:
    """The page with its last section, from the heading on, written anew."""
    head = HEAD.format(hardware=hardware, factor=FACTOR, base=BASE_BYTES / 1e9)
    section = "\n".join([HEADING, head, *(line for each in tried for line in _section(each))])
    return f"{page.partition(HEADING)[0].rstrip()}\n\n{section.rstrip()}\n"


def _section(tried: Tried) -> Iterable[str]:
    yield from (f"### {tried.subject.name}", "", f"{tried.subject.about}.", "")
    rows = sorted(tried.report.rows, key=lambda row: (str(row.recipe) != "baseline", str(row.recipe)))
    yield from map(_line, (HEADINGS, ("---",) * len(HEADINGS)))
    yield from (_line(_cells(row, tried)) for row in rows)
    yield ""
    reasons = {str(each.recipe): each.reason for each in tried.report.skipped} | {
        str(row.recipe): f"{row.failure.reason}: {row.failure.message}" for row in rows if row.failure is not None
    }
    yield from (f"* `{recipe}`: {reason.replace('|', '/')}" for recipe, reason in sorted(reasons.items()))
    yield from ([""] if reasons else [])


def _cells(row: Row, tried: Tried) -> tuple[str, ...]:
    measured = row.measurement
    lost = loss(row.quality) if row.quality else None
    recipe = str(row.recipe)
    peak, limit = tried.peaks.get(recipe), tried.limit_bytes(recipe)
    return (
        f"`{recipe}`",
        "done" if row.failure is None and row.state is TaskState.DONE else str(row.failure and row.failure.reason),
        "" if row.size_bytes is None else f"{row.size_bytes / 1e6:.3g}",
        "" if lost is None else f"{lost:.2g}",
        "" if measured is None else f"{measured.latency_ns.p50 / 1e6:.3g}",
        SPEED_UP.cell(row),
        verdict_text(row),
        "" if peak is None else f"{peak / 1e6:.0f}",
        "" if peak is None else f"{limit / 1e6:.0f}{'' if peak <= limit else ' NO'}",
    )


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
