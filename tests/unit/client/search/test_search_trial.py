"""What a row means to a search: numbers with intervals, or the reason why there are none."""

from typing import Any

import pytest

from optfarm.search.pareto import UNKNOWN, Estimate
from optfarm.search.trial import Pruned, Trial, distinct, judged, point_of, rivals
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.measurement import Ratio, Verdict
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Score
from optfarm_tasks.schema.sweep import Row, TaskState
from tests.unit.reports import failed, measurement, quality, row

BYTES = 16_200_000


def trial(number: int, recipe: str, artifact: str, *, time: float, **other: Any) -> Trial:
    made = row(recipe, artifact=artifact * 64, measurement=measurement(5.0, speed_up=1 / time), **other)
    empty = Trial(number=number, recipe=Recipe.parse(recipe), sweep_id="abc")
    return judged(empty, made, baseline_bytes=BYTES, is_scored=True)


def test_time_and_size_are_shares_of_the_baselines() -> None:
    ratio = Ratio(value=4.0, ci95=(3.2, 5.0), pairs=3)
    variant = row("x", size_bytes=BYTES // 4, quality=quality(0.01), measurement=measurement(1.0, ratio=ratio))

    time, size, loss = point_of(variant, baseline_bytes=BYTES, is_scored=True)

    assert time == Estimate(0.25, 0.2, 0.3125)
    assert size == Estimate.exact(0.25)
    assert loss == Estimate.exact(0.01)


def test_less_than_a_ten_thousandth_is_no_difference() -> None:
    plain, noisy = row("x", size_bytes=BYTES), row("y", size_bytes=BYTES + 40, quality=quality(3e-9))

    one, other = (point_of(each, baseline_bytes=BYTES, is_scored=True) for each in (plain, noisy))

    assert one == other


def test_without_a_test_split_there_is_no_loss() -> None:
    assert len(point_of(row("x", quality=None), baseline_bytes=BYTES, is_scored=False)) == 2


def test_a_disturbed_measurement_tells_no_time() -> None:
    disturbed = row("x", measurement=measurement(1.0, verdict=Verdict.INVALID))

    found = judged(
        Trial(number=1, recipe=disturbed.recipe, sweep_id="abc"), disturbed, baseline_bytes=1, is_scored=True
    )

    assert found.point is not None
    assert found.point[0] is UNKNOWN
    assert not found.is_measured
    assert found.reason == "its measurement was too disturbed to be used"


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (
            failed("x", Failure(reason=Reason.UNSUPPORTED_OP, message="no kernel for Igamma")),
            "unsupported_op: no kernel",
        ),
        (row("x", state=TaskState.CANCELLED, measurement=None), "cancelled"),
        (row("x", quality=None), "not scored"),
        (row("x", quality=quality(2.0, collapsed=True, collapse_reason="nmse 2")), "collapsed: nmse 2"),
        (row("x", quality=quality(scores=(Score(name="mse", value=1, baseline=0),))), "no finite value"),
    ],
)
def test_what_has_no_numbers_is_pruned_with_its_reason(bad: Row, why: str) -> None:
    with pytest.raises(Pruned, match=why):
        point_of(bad, baseline_bytes=BYTES, is_scored=True)

    found = judged(Trial(number=1, recipe=bad.recipe, sweep_id="abc"), bad, baseline_bytes=BYTES, is_scored=True)

    assert found.point is None
    assert why in str(found.reason)


def test_a_recipe_without_a_row_is_pruned() -> None:
    found = judged(Trial(number=1, recipe=Recipe.parse("x"), sweep_id="abc"), None, baseline_bytes=1, is_scored=False)

    assert found.reason == "the farm did not run it"


def test_of_equal_artifacts_the_shortest_recipe_stands() -> None:
    long, short, other = (
        trial(1, "fold -> lite", "a", time=0.5),
        trial(2, "lite", "a", time=0.5),
        trial(3, "zip", "b", time=0.5),
    )

    assert distinct([long, short, other]) == (short, other)


def test_only_what_is_clearly_beaten_is_no_rival() -> None:
    fast, near, slow = (
        trial(1, "fast", "a", time=0.500),
        trial(2, "near", "b", time=0.505),
        trial(3, "slow", "c", time=0.900),
    )

    assert rivals([slow, near, fast]) == (fast, near)
