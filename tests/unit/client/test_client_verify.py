"""A second measurement says whether the first one holds."""

import pytest

from optfarm.errors import BadRequest
from optfarm.verify import Finding, compare, repetition, sample
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.sweep import SweepSpec
from tests.unit.reports import measurement, row


def test_numbers_within_both_intervals_hold() -> None:
    before = row("tflite-int8", measurement=measurement(4.9, speed_up=4.00))

    check = compare(before, row("tflite-int8", measurement=measurement(4.9, speed_up=4.05)))

    assert check.finding is Finding.HOLDS
    assert check.is_same_artifact
    assert check.why.startswith("+1.2%")


def test_a_number_beyond_both_intervals_has_moved() -> None:
    before = row("tflite-int8", measurement=measurement(4.9, speed_up=4.00))

    check = compare(before, row("tflite-int8", measurement=measurement(4.9, speed_up=3.60), artifact="b" * 64))

    assert check.finding is Finding.MOVED
    assert check.is_same_artifact is False


def test_a_disturbed_or_absent_second_measurement_decides_nothing() -> None:
    before = row("tflite-int8", measurement=measurement(4.9))

    disturbed = compare(before, row("tflite-int8", measurement=measurement(4.9, verdict=Verdict.INVALID)))
    absent = compare(before, None)

    assert disturbed.finding is absent.finding is Finding.UNDECIDED
    assert "invalid" in disturbed.why


def test_a_sample_holds_published_numbers_only_and_is_the_same_for_a_seed() -> None:
    rows = [row(name, measurement=measurement(1)) for name in ("baseline", "a", "b", "c", "d")]
    rows += [row("e", measurement=measurement(1, verdict=Verdict.INVALID)), row("f", measurement=None)]

    drawn = sample(rows, 3, seed=1)

    assert len(drawn) == 3
    assert {str(each.recipe) for each in drawn} <= {"a", "b", "c", "d"}
    assert drawn == sample(rows, 3, seed=1)
    assert len(sample(rows, 99, seed=0)) == 4


def test_nothing_measured_is_nothing_to_verify() -> None:
    with pytest.raises(BadRequest, match="nothing in this sweep"):
        sample([row("baseline", measurement=measurement(1)), row("a", measurement=None)], 3, seed=0)


def test_a_repetition_asks_for_the_same_in_one_place_afresh() -> None:
    spec = SweepSpec(model="m", recipes=(Recipe.parse("a"), Recipe.parse("b")), threads=(1, 2), seed=7)

    again = repetition(spec, [row("b", measurement=measurement(1))], ("alpha.cpu", 2, 1))

    assert (again.devices, again.threads, again.batch_sizes) == (("alpha.cpu",), (2,), (1,))
    assert again.recipes == (Recipe.parse("b"),)
    assert (again.fresh, again.seed, again.effort) == (True, 7, spec.effort)
