"""A search as text: the table of its Pareto front, the notes below it, and its progress in a line. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

from optfarm import table
from optfarm.columns import LOSS, SIZE, SPEED_UP, VERDICT, Column, cells_of, speed_text
from optfarm.durations import shown_s
from optfarm.search.question import Budget
from optfarm.search.space import LeftOut
from optfarm.search.trial import Found, Trial

COLUMNS = (
    Column("recipe", lambda row: str(row.recipe), is_text=True),
    SIZE,
    Column("inference (ms)", speed_text),
    SPEED_UP,
    LOSS,
    VERDICT,
)
HEADINGS = (*(column.heading for column in COLUMNS), "sweep")


def shown_row(found: Found) -> tuple[str, ...]:
    """The cells that people read, in the order of HEADINGS."""
    return (*cells_of(COLUMNS, found.facts), found.sweep_id)


def values_of(found: Found) -> dict[str, Any]:
    """A variant as plain numbers and words, with its sweep and how to fetch its artifact."""
    return {**table.values_of(found.facts), "sweep": found.sweep_id, "pull": found.pull_command}


def trial_values(trial: Trial, *, is_on_front: bool) -> dict[str, Any]:
    """A trial as plain numbers and words; what is not known is None."""
    own = {
        "trial": trial.number,
        "recipe": str(trial.recipe),
        "sweep": trial.sweep_id,
        "is_on_front": is_on_front,
        "is_dropped": trial.is_dropped,
        "reason": trial.reason,
    }
    return {**(table.values_of(trial.row) if trial.row is not None else {}), **own}


def notes_of(
    *, front: Iterable[Found], ties: Iterable[Found], trials: Sequence[Trial], left_out: Iterable[LeftOut]
) -> tuple[str, ...]:
    """What is said below the table: how to fetch artifacts, ties, what was dropped or pruned, what was left out."""
    dropped = sum(trial.is_dropped for trial in trials)
    again = f"{dropped} trials were not measured again: clearly beaten, or the same artifact as another"
    return (
        *(f"fetch {each.recipe}: {each.pull_command}" for each in front if each.pull_command is not None),
        *(f"not clearly beaten: {', '.join(shown_row(tie)[:5])}" for tie in ties),
        *([again] if dropped else []),
        *(f"trial {trial.number}, {trial.recipe}: {trial.reason}" for trial in trials if trial.reason is not None),
        *(f"left out {each.technique}: {each.reason}" for each in left_out),
    )


def headline(trials: Iterable[Trial], best: Found | None, budget: Budget, *, elapsed_s: float) -> str:
    """One line: 12 of 40 trials, 3 pruned; so far the fastest is tflite-int8: 3.91 [3.85, 3.97] times, loss 0.4%."""
    tried = [trial for trial in trials if trial.number]
    pruned = sum(trial.point is None for trial in tried)
    words = [
        f"{len(tried)} of {budget.trials} trials" if budget.trials else f"{len(tried)} trials",
        f"{shown_s(elapsed_s)} of {shown_s(budget.minutes * 60)}" if budget.minutes else "",
        f"{pruned} pruned" if pruned else "",
    ]
    return ", ".join(word for word in words if word) + ("" if best is None else f"; {_shown_best(best)}")


def markdown_text(title: str, front: Iterable[Found], notes: Iterable[str]) -> str:
    """The front and the notes in Markdown."""
    rules = (*("---" if column.is_text else "---:" for column in COLUMNS), "---")
    lines = [f"# {title}", "", *map(table.markdown_line, (HEADINGS, rules, *map(shown_row, front))), ""]
    return "\n".join([*lines, *(f"- {note}" for note in notes)]) + "\n"


def _shown_best(best: Found) -> str:
    speed_up = SPEED_UP.cell(best.facts)
    lost = "" if best.loss is None else f", loss {LOSS.cell(best.facts)}"
    return f"the fastest so far is {best.recipe}{f': {speed_up} times' if speed_up else ''}{lost}"
