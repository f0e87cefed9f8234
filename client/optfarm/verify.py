"""Measures a sample of a sweep's variants again, and checks whether both measurements agree."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from optfarm.errors import BadRequest
from optfarm.sweep import Sweep
from optfarm_tasks.schema.measurement import Interval, Measurement, Ratio, Verdict
from optfarm_tasks.schema.recipe import BASELINE
from optfarm_tasks.schema.spec import Auto
from optfarm_tasks.schema.sweep import Purpose, Row, SweepSpec

Place = tuple[str, int | Auto, int | Auto]
"""Device, threads, batch size; the last two as asked for."""


class Finding(StrEnum):
    """Whether a second measurement confirms the first."""

    HOLDS = "holds"
    MOVED = "moved"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Check:
    """One variant, measured twice."""

    recipe: str
    device: str
    threads: int | Auto
    batch_size: int | Auto
    before: Ratio
    after: Ratio | None
    finding: Finding
    why: str
    is_same_artifact: bool | None
    """Whether the conversion gave the same bytes again; None when there is no artifact."""


def verify(
    sweep: Sweep,
    submit: Callable[[SweepSpec], Sweep],
    *,
    count: int,
    seed: int = 0,
    watch: Callable[[Sweep], object] = lambda _: None,
) -> Iterator[Check]:
    """Converts and measures a sample again on the devices where it was measured; blocks, and yields a check each.

    Args:
        sweep: the sweep whose numbers are in question.
        submit: submits a sweep.
        count: how many variants are drawn.
        seed: of the draw.
        watch: called with each sweep that was submitted, before it is waited for.

    Raises:
        BadRequest: nothing in the sweep was measured.
        FarmError: the farm refused or stayed away.
    """
    spec = sweep.status().spec
    for place, rows in groupby(sample(sweep.report().facts.rows, count, seed=seed), key=place_of):
        drawn = list(rows)
        again = submit(repetition(spec, drawn, place))
        watch(again)
        found = {str(row.recipe): row for row in again.wait().facts.rows}
        yield from (compare(row, found.get(str(row.recipe))) for row in drawn)


def sample(rows: Sequence[Row], count: int, *, seed: int) -> list[Row]:
    """Some of the variants whose numbers were published, sorted by place; the baseline's own is 1 by definition.

    Raises:
        BadRequest: there are none.
    """
    published = [row for row in rows if row.recipe != BASELINE and _is_published(row)]
    if not published:
        raise BadRequest("nothing in this sweep was measured well enough to be verified")
    drawn = random.Random(seed).sample(published, min(count, len(published)))  # noqa: S311 (a draw, not a secret)
    return sorted(drawn, key=lambda row: (*map(str, place_of(row)), str(row.recipe)))


def repetition(spec: SweepSpec, rows: Sequence[Row], place: Place) -> SweepSpec:
    """The sweep that measures these variants again in one place, whatever is stored."""
    device, threads, batch_size = place
    changes = {
        "recipes": tuple(row.recipe for row in rows),
        "devices": (device,),
        "threads": (threads,),
        "batch_sizes": (batch_size,),
        "fresh": True,
        "purpose": Purpose.VERIFY,
    }
    return spec.model_copy(update=changes)


def place_of(row: Row) -> Place:
    """Where and how a variant was timed."""
    return row.device, row.threads, row.batch_size


def compare(before: Row, after: Row | None) -> Check:
    """Whether two measurements of a variant differ by more than both their intervals allow.

    The logarithms of the ratios are compared with the root of the sum of their squared half-widths: of two sound
    measurements with 95% intervals about one pair in twenty is called moved.
    """
    first = before.measurement
    second = None if after is None else after.measurement
    if first is None:
        raise BadRequest(f"{before.recipe} was not measured")
    finding, why = _found(first.ratio, second)
    return Check(
        recipe=str(before.recipe),
        device=before.device,
        threads=before.threads,
        batch_size=before.batch_size,
        before=first.ratio,
        after=second.ratio if second else None,
        finding=finding,
        why=why,
        is_same_artifact=None if after is None or after.artifact is None else before.artifact == after.artifact,
    )


def _found(before: Ratio, again: Measurement | None) -> tuple[Finding, str]:
    if again is None:
        return Finding.UNDECIDED, "it was not measured again"
    after = again.ratio
    if again.verdict is Verdict.INVALID or before.ci95 is None or after.ci95 is None:
        return Finding.UNDECIDED, f"the second measurement is {again.verdict}, or one has no interval"
    if not before.value or not after.value:
        return Finding.UNDECIDED, "one of them has no ratio"
    apart = math.log(after.value / before.value)
    allowed = math.hypot(_half_width(before.ci95), _half_width(after.ci95))
    said = f"{100 * math.expm1(apart):+.1f}%, where {100 * math.expm1(allowed):.1f}% is within both intervals"
    return (Finding.HOLDS if abs(apart) <= allowed else Finding.MOVED), said


def _half_width(interval: Interval) -> float:
    return (math.log(interval[1]) - math.log(interval[0])) / 2


def _is_published(row: Row) -> bool:
    return row.measurement is not None and row.measurement.verdict is not Verdict.INVALID
