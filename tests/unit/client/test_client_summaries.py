"""A list of sweeps says what each was for, how it stands and when, as people say it."""

from datetime import UTC, datetime, timedelta

from optfarm.summaries import HEADINGS, age_text, counts_text, row_of
from optfarm_tasks.schema.api import SweepSummary
from optfarm_tasks.schema.sweep import Purpose, SweepState

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def summary(**other: object) -> SweepSummary:
    values = {"id": "abc", "state": SweepState.DONE, "model": "модель 1", "data": "frames", "recipes": 3}
    times = {"created_at": NOON, "finished_at": NOON + timedelta(seconds=200)}
    return SweepSummary.model_validate(values | times | {"tasks": 12, "done": 12, "failed": 0} | other)


def test_a_sweep_in_a_line() -> None:
    shown = row_of(summary(label="first try"), now=NOON + timedelta(hours=2, minutes=5))

    assert dict(zip(HEADINGS, shown, strict=True)) == {
        "sweep": "abc",
        "kind": "sweep",
        "label": "first try",
        "model": "модель 1",
        "data": "frames",
        "recipes": "3",
        "state": "done",
        "tasks": "12 of 12 done",
        "begun": "2 h 5 min ago",
        "took": "3 min 20 s",
    }


def test_one_that_runs_has_no_end_and_one_that_measures_again_says_so() -> None:
    shown = row_of(summary(finished_at=None, purpose=Purpose.VERIFY), now=NOON)

    assert (shown[1], shown[-1]) == ("verify", "")


def test_failed_blocked_and_cancelled_tasks_are_told_apart() -> None:
    assert counts_text(summary(done=8, failed=1, blocked=2, cancelled=1)) == (
        "8 of 12 done, 1 failed, 2 blocked, 1 cancelled"
    )


def test_an_age_is_never_in_the_future_and_days_count_from_one() -> None:
    assert [age_text(seconds) for seconds in (-5, 40, 90_000)] == ["0 s ago", "40 s ago", "1 d ago"]
