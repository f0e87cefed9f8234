"""One recipe that a search tried: its results, or the reason why it has none."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import isfinite
from shlex import quote

from optfarm.loss import loss
from optfarm.row import Row
from optfarm.search.pareto import UNKNOWN, Estimate, Point, contenders
from optfarm_tasks.schema import sweep
from optfarm_tasks.schema.measurement import Measurement, Verdict
from optfarm_tasks.schema.recipe import BASELINE, Recipe
from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.sweep import TaskState

_INVALID = "its measurement was too disturbed to be used"


@dataclass(frozen=True)
class Trial:
    """A recipe that a search tried; without a point it is pruned, and the reason says why."""

    number: int
    """From 1, in the order of trying; 0 is the baseline."""
    recipe: Recipe
    sweep_id: str | None
    """Of the sweep that the row is from; None where none was started for it."""
    row: sweep.Row | None = None
    point: Point | None = None
    """Time and size relative to the baseline's, and with a test split the loss; the smaller the better."""
    reason: str | None = None
    is_dropped: bool = False
    """Whether it was not measured again: another trial clearly beats it, or has the same artifact."""

    @property
    def is_measured(self) -> bool:
        """Whether all its numbers may be used."""
        return self.point is not None and all(isfinite(each.value) for each in self.point)


@dataclass(frozen=True, repr=False)
class Found(Row):
    """A variant that a search found, and the sweep whose report has it."""

    sweep_id: str
    relative_time: float
    """Its time over the baseline's."""

    @property
    def pull_command(self) -> str | None:
        """How to fetch the artifact; None for the baseline, which is there already."""
        return None if self.facts.recipe == BASELINE else f"optfarm artifact pull {self.sweep_id} {quote(self.recipe)}"


class Pruned(Exception):
    """A trial has no numbers; the message says why."""


def judged(trial: Trial, row: sweep.Row | None, *, baseline_bytes: int, is_scored: bool) -> Trial:
    """The trial with the result of its row: a point, or the reason why there is none; see `point_of`."""
    if row is None:
        return replace(trial, reason="the farm did not run it")
    try:
        point = point_of(row, baseline_bytes=baseline_bytes, is_scored=is_scored)
    except Pruned as error:
        return replace(trial, row=row, point=None, reason=str(error))
    reason = _INVALID if point[0] is UNKNOWN else None
    return replace(trial, row=row, point=point, reason=reason)


def distinct(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """One trial of each artifact that has a point: that of the fewest steps, then the first."""
    found: dict[str, Trial] = {}
    for trial in sorted(trials, key=lambda each: (len(each.recipe.steps), each.number)):
        if trial.row is not None and trial.point is not None:
            found.setdefault(trial.row.artifact or str(trial.recipe), trial)
    return tuple(sorted(found.values(), key=lambda each: each.number))


def rivals(trials: Iterable[Trial]) -> tuple[Trial, ...]:
    """The trials that no other one clearly beats, one of each artifact."""
    there = distinct(trials)
    return tuple(there[place] for place in contenders([trial.point for trial in there if trial.point is not None]))


def point_of(row: sweep.Row, *, baseline_bytes: int, is_scored: bool) -> Point:
    """The coordinates of a variant; its time is unknown when the measurement was too disturbed to be used.

    Args:
        row: the variant.
        baseline_bytes: size of the baseline.
        is_scored: whether the data set has a test split, so that there is a loss.

    Raises:
        Pruned: it failed, collapsed, or has no number where one is needed.
    """
    if row.failure is not None:
        raise Pruned(f"{row.failure.reason}: {row.failure.message}")
    if row.state is not TaskState.DONE or row.measurement is None or row.size_bytes is None:
        raise Pruned(f"not measured: {row.state}")
    size = _exact(row.size_bytes / max(1, baseline_bytes))
    quality = (_loss(row.quality),) if is_scored else ()
    return (_time(row.measurement), size, *quality)


def _time(measured: Measurement) -> Estimate:
    """The time of an inference over the baseline's."""
    if measured.verdict is Verdict.INVALID or not measured.ratio.value:
        return UNKNOWN
    ci95 = measured.ratio.ci95
    interval = None if ci95 is None or ci95[0] <= 0 else (1 / ci95[1], 1 / ci95[0])
    return Estimate.within(1 / measured.ratio.value, interval)


def _loss(quality: Quality | None) -> Estimate:
    """The loss on the test split; exact, as all variants are scored on the same samples."""
    if quality is None:
        raise Pruned("its quality was not scored")
    if quality.collapsed:
        raise Pruned(f"collapsed: {quality.collapse_reason or 'its outputs tell nothing any more'}")
    lost = loss(quality)
    if lost is None or not isfinite(lost):
        raise Pruned("its loss has no finite value, because the baseline's own score is 0")
    return _exact(lost)


def _exact(share: float) -> Estimate:
    """A number to a ten-thousandth, so that no rounding error or name in a file puts a variant on the front."""
    return Estimate.exact(round(share, 4))
