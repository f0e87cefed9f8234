"""Sweeps in a line each, as `optfarm sweep list` prints them. Pure text."""

from datetime import datetime

from optfarm.durations import shown_s
from optfarm_tasks.schema.api import SweepSummary

HEADINGS = ("sweep", "kind", "label", "model", "data", "recipes", "state", "tasks", "begun", "took")
_DAY_S = 86_400


def row_of(sweep: SweepSummary, *, now: datetime) -> tuple[str, ...]:
    """A sweep's cells under HEADINGS."""
    return (
        sweep.id,
        str(sweep.purpose),
        sweep.label or "",
        sweep.model,
        sweep.data or "",
        str(sweep.recipes or ""),
        str(sweep.state),
        counts_text(sweep),
        age_text((now - sweep.created_at).total_seconds()),
        "" if sweep.finished_at is None else shown_s((sweep.finished_at - sweep.created_at).total_seconds()),
    )


def counts_text(sweep: SweepSummary) -> str:
    """How its tasks stand, in the words of `optfarm sweep show`: 8 of 12 done, 1 failed, 2 blocked."""
    others = {"failed": sweep.failed, "blocked": sweep.blocked, "cancelled": sweep.cancelled}
    words = [f"{sweep.done} of {sweep.tasks} done", *(f"{count} {state}" for state, count in others.items() if count)]
    return ", ".join(words)


def age_text(seconds: float) -> str:
    """How long ago something was: 40 s ago, 3 d ago."""
    whole = max(0.0, seconds)
    return f"{whole // _DAY_S:.0f} d ago" if whole >= _DAY_S else f"{shown_s(whole)} ago"
