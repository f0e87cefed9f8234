"""What people read of a search: the cells of its front, the notes below it, and its progress in a line. Pure text."""

from shlex import quote
from typing import TYPE_CHECKING, Any

from optfarm import gated, table
from optfarm.progress import shown_s
from optfarm.row import latency_ns

if TYPE_CHECKING:
    from optfarm.search.question import Budget
    from optfarm.search.report import Found, SearchReport
    from optfarm.search.trial import Trial

HEADINGS = ("recipe", "size (MB)", "inference (ms)", "speed-up [95%]", "loss [95%]", "verdict", "sweep")


def shown_row(found: "Found") -> tuple[str, ...]:
    """The cells that people read, in the order of HEADINGS."""
    facts = found.facts
    measured = facts.measurement
    return (
        found.recipe,
        "" if facts.size_bytes is None else f"{facts.size_bytes / 1e6:.3g}",
        f"{latency_ns(facts) / 1e6:.3g}",
        "" if measured is None else table.shown_ratio(measured.ratio),
        gated.shown_loss(facts),
        table.shown_verdict(facts),
        found.sweep_id,
    )


def cells_of(found: "Found") -> dict[str, Any]:
    """A variant as plain numbers and words, with its sweep and how to fetch its artifact."""
    return {**table.cells_of(found.facts), "sweep": found.sweep_id, "pull": pull_command(found)}


def trial_cells(trial: "Trial", *, is_on_front: bool) -> dict[str, Any]:
    """A trial as plain numbers and words; what is not known is None."""
    told = {
        "trial": trial.number,
        "recipe": str(trial.recipe),
        "sweep": trial.sweep_id,
        "is_on_front": is_on_front,
        "is_dropped": trial.is_dropped,
        "reason": trial.reason,
    }
    return {**(table.cells_of(trial.row) if trial.row is not None else {}), **told}


def pull_command(found: "Found") -> str | None:
    """How to fetch the artifact; None for the baseline, which is there already."""
    if found.recipe == "baseline":
        return None
    return f"optfarm artifact pull {found.sweep_id} {quote(found.recipe)}"


def notes_of(report: "SearchReport") -> tuple[str, ...]:
    """What is said below the table: how to fetch artifacts, ties, what was dropped or pruned, what was left out."""
    dropped = [trial for trial in report.trials if trial.is_dropped]
    out = [trial for trial in report.trials if trial.reason is not None]
    return (
        *(f"fetch {each.recipe}: {command}" for each in report.front if (command := pull_command(each)) is not None),
        *(f"not clearly beaten: {', '.join(shown_row(tie)[:5])}" for tie in report.ties),
        *(
            [f"{len(dropped)} trials were not measured again: clearly beaten, or the same artifact as another"]
            if dropped
            else []
        ),
        *(f"trial {trial.number}, {trial.recipe}: {trial.reason}" for trial in out),
        *(f"left out {each.technique}: {each.reason}" for each in report.left_out),
    )


def headline(report: "SearchReport", budget: "Budget", elapsed_s: float) -> str:
    """One line: 12 of 40 trials, 3 pruned; so far the fastest is tflite-int8: 3.91 [3.85, 3.97] times, loss 0.4%."""
    tried = [trial for trial in report.trials if trial.number]
    pruned = sum(trial.point is None for trial in tried)
    words = [
        f"{len(tried)} of {budget.trials} trials" if budget.trials else f"{len(tried)} trials",
        f"{shown_s(elapsed_s)} of {shown_s(budget.minutes * 60)}" if budget.minutes else "",
        f"{pruned} pruned" if pruned else "",
    ]
    best = report.best()
    return ", ".join(word for word in words if word) + ("" if best is None else f"; {_shown_best(best)}")


def markdown_text(report: "SearchReport") -> str:
    """The front and the notes in Markdown."""
    rules = ("---", *("---:" for _ in HEADINGS[1:-2]), "---", "---")
    rows = (HEADINGS, rules, *map(shown_row, report.front))
    lines = [f"# Search of {report.model} on {report.device}", "", *map(table.markdown_line, rows), ""]
    return "\n".join([*lines, *(f"- {note}" for note in notes_of(report))]) + "\n"


def _shown_best(best: "Found") -> str:
    measured = best.facts.measurement
    speed_up = "" if measured is None else f": {table.shown_ratio(measured.ratio)} times"
    lost = "" if best.loss is None else f", loss {gated.shown_loss(best.facts)}"
    return f"the fastest so far is {best.recipe}{speed_up}{lost}"
