"""Labels find the output that they belong to, and score it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn import metrics

from optfarm_tasks.errors import BadData
from optfarm_tasks.quality.classes import Classes, rank_of
from optfarm_tasks.quality.labels import Values, scoring_for
from optfarm_tasks.quality.score import Scored


def scored(labels: Any, baseline: Any, candidate: Any, *, size: int = 2) -> dict[str, Scored]:
    truth, theirs, ours = (np.asarray(each) for each in (labels, baseline, candidate))
    scoring = scoring_for(truth, {"y": theirs})
    for start in range(0, len(truth), size):
        rows = slice(start, start + size)
        scoring.add(truth[rows], theirs[rows], ours[rows])
    return {each.score.name: each for each in scoring.scored(truth)}


def one_hot(labels: list[int], classes: int) -> NDArray[np.float64]:
    return np.eye(classes)[labels]


def test_whole_numbers_and_scores_for_classes_give_top_1_and_top_5() -> None:
    labels = [0, 1, 2, 3]
    nearly = np.tile(np.arange(8.0)[::-1], (4, 1))

    found = scored(labels, one_hot(labels, 8), nearly)

    assert list(found) == ["top1", "top5", "precision_macro", "recall_macro"]
    assert (found["top1"].score.baseline, found["top1"].score.value) == (1, 0.25)
    assert (found["top5"].score.baseline, found["top5"].score.value) == (1, 1)
    assert found["top1"].score.higher_is_better


def test_five_classes_have_no_top_5() -> None:
    assert "top5" not in scored([0, 1], one_hot([0, 1], 5), one_hot([0, 1], 5))


def test_real_labels_give_mse_and_mae() -> None:
    found = scored([[1.0], [3.0]], [[1.0], [3.0]], [[2.0], [3.0]])

    assert {name: each.score.value for name, each in found.items()} == {"mse": 0.5, "mae": 0.5}
    assert {name: each.score.baseline for name, each in found.items()} == {"mse": 0, "mae": 0}
    assert {name: each.trivial for name, each in found.items()} == {"mse": 1, "mae": 1}


def test_a_score_tells_how_sure_its_loss_is() -> None:
    labels = np.arange(400) % 4
    mostly = np.where(np.arange(400) % 10, labels, (labels + 1) % 4)

    found = scored(labels, one_hot(labels.tolist(), 4), one_hot(mostly.tolist(), 4), size=64)

    low, high = found["top1"].score.loss_ci95 or (0, 0)
    assert 0.06 < low < 0.1 < high < 0.15


def test_an_error_that_rises_by_a_tenth_has_a_tenth_within_its_interval() -> None:
    random = np.random.default_rng(0)
    labels, errors = random.normal(size=(300, 2)), random.normal(size=(300, 2))

    found = scored(labels, labels + errors, labels + errors * np.sqrt(1.1))

    assert found["mse"].score.loss_ci95 == pytest.approx((0.1, 0.1), abs=1e-6)


def test_a_class_for_each_pixel_is_scored_by_pixel() -> None:
    labels = np.array([[[0, 1], [1, 1]]])

    found = scored(labels, one_hot([0, 1, 1, 1], 2).reshape(1, 2, 2, 2), np.tile([0.0, 1.0], (1, 2, 2, 1)))

    assert (found["top1"].score.baseline, found["top1"].score.value) == (1, 0.75)
    assert found["top1"].trivial == 0.75


@pytest.mark.parametrize(
    ("labels", "outputs", "kind", "chosen"),
    [
        (np.zeros(4, np.int64), {"y": (4, 3)}, Classes, "y"),
        (np.zeros((4, 1), np.uint8), {"y": (4, 1, 3)}, Classes, "y"),
        (np.zeros(4, np.int64), {"box": (4, 7, 4), "class": (4, 3)}, Classes, "class"),
        (np.zeros(4, np.int64), {"y": (4, 1)}, Values, "y"),
        (np.zeros((4, 1), np.float32), {"y": (4,)}, Values, "y"),
        (np.zeros((4, 3), np.float32), {"a": (4, 2), "b": (4, 3)}, Values, "b"),
    ],
)
def test_labels_find_the_output_of_their_shape(
    labels: NDArray[Any], outputs: dict[str, tuple[int, ...]], kind: type, chosen: str
) -> None:
    scoring = scoring_for(labels, {name: np.zeros(shape) for name, shape in outputs.items()})

    assert isinstance(scoring, kind)
    assert scoring.output == chosen
    assert not scoring.warnings


def test_a_choice_between_outputs_is_told() -> None:
    scoring = scoring_for(np.zeros(4, np.int64), {"a": np.zeros((4, 3)), "b": np.zeros((4, 5))})

    assert scoring.output == "a"
    assert scoring.warnings == ("integer labels fit a, b; a is scored",)


def test_an_output_that_gives_the_class_itself_is_right_or_wrong() -> None:
    found = scored([3, 1, 9, 1], np.array([3, 1, 9, 9]), np.array([3, 1, 8, 9]))

    assert list(found) == ["top1"]
    assert (found["top1"].score.baseline, found["top1"].score.value, found["top1"].trivial) == (0.75, 0.5, 0.5)


@pytest.mark.parametrize("labels", [np.zeros(4), np.zeros((4, 9)), np.array(["a", "b", "c", "d"])])
def test_labels_that_fit_no_output_are_refused_with_both_shapes(labels: NDArray[Any]) -> None:
    with pytest.raises(BadData, match=r"labels .* fit no output; a batch of outputs is y \[4, 3\]"):
        scoring_for(labels, {"y": np.zeros((4, 3))})


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_a_label_that_is_no_class_is_refused(labels: list[int]) -> None:
    with pytest.raises(BadData, match=r"and y has the classes 0\.\.2"):
        scored(labels, np.zeros((2, 3)), np.zeros((2, 3)))


def test_a_class_is_ranked_as_argmax_would_and_nothing_comes_last() -> None:
    scores = np.array([[0.5, 0.5, 0.1], [0.5, 0.5, 0.1], [np.nan, 0.2, 0.3]])

    assert rank_of(scores, np.array([0, 1, 0])).tolist() == [0, 1, 2]


def test_the_trivial_predictor_of_classes_names_the_commonest() -> None:
    found = scored([2, 2, 2, 0], one_hot([2, 2, 2, 0], 8), one_hot([2, 2, 2, 2], 8))

    assert found["top1"].trivial == 0.75
    assert found["top5"].trivial == 1
    assert not found["top1"].is_informative
    assert found["top1"].was_informative


@settings(max_examples=40)
@given(data=st.data(), classes=st.integers(2, 6), count=st.integers(1, 40))
def test_precision_and_recall_are_those_of_scikit_learn(data: st.DataObject, classes: int, count: int) -> None:
    some = st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)
    labels, theirs, ours = (data.draw(some) for _ in range(3))

    found = scored(labels, one_hot(theirs, classes), one_hot(ours, classes), size=7)

    for name, function in (("precision_macro", metrics.precision_score), ("recall_macro", metrics.recall_score)):
        score = found[name].score
        expected = [function(labels, given, average="macro", zero_division=0) for given in (theirs, ours)]
        assert [score.baseline, score.value] == pytest.approx(expected)
        always = [function(labels, np.full(count, kind), average="macro", zero_division=0) for kind in set(labels)]
        assert found[name].trivial == pytest.approx(max(always))
        assert score.loss_ci95_reason == "it is a mean over classes, not over samples"


def test_one_sample_has_no_interval_but_a_reason() -> None:
    found = scored([1], one_hot([1], 3), one_hot([1], 3))

    assert found["top1"].score.loss_ci95 is None
    assert "1 test sample is too few" in (found["top1"].score.loss_ci95_reason or "")
