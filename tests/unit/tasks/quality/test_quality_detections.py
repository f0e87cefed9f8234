"""Detections are compared as sets: by boxes that overlap, whatever their order and their number."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from optfarm.loss import Gate, gate
from optfarm_tasks.description import Signature, Tensor
from optfarm_tasks.quality.detections import Detections, Found, iou, is_of_one_sample, matched_ious, names_of

Outputs = dict[str, NDArray[Any]]


def found(*boxes: tuple[float, float, float, float], classes: Any = 1, scores: Any = 0.9) -> Found:
    corners = np.array(boxes, np.float64).reshape(-1, 4)
    return Found(corners, np.broadcast_to(scores, len(corners)), np.broadcast_to(classes, len(corners)))


def outputs(samples: int = 3, size: int = 4, *, prefix: str = "detection_") -> Outputs:
    """Boxes side by side, of which the last of each sample is not sure."""
    low = np.arange(size * 2).reshape(size, 2).astype(np.float32)
    boxes = np.broadcast_to(np.concatenate([low, low + 1], axis=1), (samples, size, 4))
    scores = np.broadcast_to(np.linspace(0.95, 0.45, size, dtype=np.float32), (samples, size))
    classes = np.broadcast_to(np.arange(size, dtype=np.float32) % 2, (samples, size))
    return {f"{prefix}boxes": boxes, f"{prefix}scores": scores, f"{prefix}classes": classes}


def compared(baseline: Outputs, candidate: Outputs, samples: int = 3) -> Detections:
    names = names_of(baseline, samples=samples)
    assert names is not None
    gathered = Detections()
    for theirs, ours in zip(names.sets(baseline), names.sets(candidate), strict=True):
        gathered.add(theirs, ours)
    return gathered


def values(gathered: Detections) -> dict[str, float]:
    return {each.score.name: each.score.value for each in gathered.scored()}


def test_overlap_is_the_part_that_both_cover() -> None:
    whole, half, apart = (0, 0, 2, 2), (0, 0, 2, 1), (5, 5, 6, 6)

    overlap = iou(found(whole, half).boxes, found(whole, apart).boxes)

    assert overlap == pytest.approx(np.array([[1, 0], [0.5, 0]]))
    assert iou(found((2, 2, 0, 0)).boxes, found(whole).boxes) == pytest.approx(np.ones((1, 1)))
    assert iou(found((1, 1, 1, 1)).boxes, found((1, 1, 1, 1)).boxes) == 0


@given(seed=st.integers(0, 10**6))
def test_a_set_is_itself_in_any_order(seed: int) -> None:
    random = np.random.default_rng(seed)
    low = random.random((6, 2))
    boxes = np.concatenate([low, low + 0.1 + random.random((6, 2))], axis=1)
    one = Found(boxes, random.random(6), random.integers(0, 3, 6))
    order = random.permutation(6)

    ious = matched_ious(one, Found(boxes[order], one.scores[order], one.classes[order]))

    assert len(ious) == 6
    assert ious == pytest.approx([1.0] * 6)


def test_a_box_is_matched_once_by_the_surest_and_only_within_its_class() -> None:
    baseline = found((0, 0, 10, 10))
    twice = found((0, 0, 10, 9), (0, 0, 10, 8), scores=[0.6, 0.9])

    assert matched_ious(baseline, twice) == pytest.approx([0.8])
    assert matched_ious(baseline, found((0, 0, 10, 10), classes=2)) == []
    assert matched_ious(baseline, found((0, 0, 10, 4.9))) == []
    assert matched_ious(baseline, found()) == matched_ious(found(), baseline) == []


def test_agreement_is_f1_of_the_matched_and_their_mean_overlap() -> None:
    gathered = Detections()
    gathered.add(found((0, 0, 1, 1), (2, 2, 3, 3)), found((0, 0, 1, 0.8)))
    gathered.add(found(), found((0, 0, 1, 1)))
    gathered.add(found(), found())

    assert values(gathered) == pytest.approx({"detection_f1": 2 * 1 / (2 + 2), "detection_iou": 0.8})
    assert all(each.is_informative and each.was_informative for each in gathered.scored())
    assert gathered.scored()[0].score.loss_ci95_reason == "2 test samples are too few: an interval takes 5"


def test_boxes_that_are_not_sure_or_lie_beyond_the_count_are_not_looked_at() -> None:
    baseline = outputs()
    filled = {name: array.copy() for name, array in baseline.items()}
    filled["detection_boxes"][:, 3] = np.nan

    assert values(compared(baseline, filled)) == {"detection_f1": 1, "detection_iou": 1}

    counted = {**baseline, "num_detections": np.full(3, 2.0)}
    names = names_of(counted, samples=3)
    assert names is not None
    assert [len(each.scores) for each in names.sets(counted)] == [2, 2, 2]
    assert "num_detections" in names.all


def test_samples_that_all_agree_leave_a_doubt_and_more_of_them_a_smaller_one() -> None:
    few, many = (compared(outputs(count), outputs(count), count).scored()[0].score for count in (3, 2000))

    assert gate(few.loss_ci95, 0.005) is Gate.UNDECIDED
    assert gate(many.loss_ci95, 0.005) is Gate.PASS


def test_other_boxes_fail_a_gate_and_tell_nothing_any_more() -> None:
    moved = outputs(20)
    moved["detection_boxes"] = moved["detection_boxes"] + 100

    first = compared(outputs(20), moved, 20).scored()[0]

    assert (first.score.value, first.score.baseline) == (0, 1)
    assert first.was_informative
    assert not first.is_informative
    assert gate(first.score.loss_ci95, 0.005) is Gate.FAIL


def test_sets_without_a_sure_box_are_not_scored() -> None:
    none = outputs()
    none["detection_scores"] = none["detection_scores"] * 0

    assert compared(none, none).scored() == ()
    assert compared(none, none).warnings == ("no detection has a score of 0.5 or more: none is compared",)
    # What the baseline never shows cannot be lost.
    (first, _) = compared(none, outputs()).scored()
    assert not first.was_informative


def test_a_set_is_known_by_its_names_and_shapes() -> None:
    one = {name: array[0] for name, array in outputs(prefix="").items()}
    other = {"raw_detection_boxes": np.zeros((3, 9, 4)), "detection_anchor_indices": np.zeros((3, 4))}

    assert names_of(outputs() | other, samples=3) == names_of(outputs(), samples=3) is not None
    assert names_of({f"{name}:0": array for name, array in outputs().items()}, samples=3) is not None
    assert names_of(one, samples=1) is not None
    assert names_of(one, samples=3) is None
    assert names_of(outputs(), samples=2) is None
    assert names_of(outputs() | {"detection_boxes": np.zeros((3, 4, 5))}, samples=3) is None
    assert names_of({"boxes": np.zeros((3, 4, 4))}, samples=3) is None


@pytest.mark.parametrize(("shape", "expected"), [((None, 4), True), ((None, 100, 4), False), (None, False)])
def test_sets_without_an_axis_of_samples_are_asked_for_one_by_one(
    shape: tuple[int | None, ...] | None, expected: bool
) -> None:
    boxes = Tensor(name="detection_boxes", dtype="float32", shape=shape)

    assert is_of_one_sample(Signature(inputs=(), outputs=(boxes,))) is expected
    assert not is_of_one_sample(Signature(inputs=()))
