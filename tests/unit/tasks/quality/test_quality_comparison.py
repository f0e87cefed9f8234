"""Whole numbers agree or do not, and an output that never changes takes no figure from the others."""

import numpy as np
import pytest

from optfarm_tasks.quality.comparison import Comparison

RANDOM = np.random.default_rng(0)
VALUES = RANDOM.normal(size=(50, 3))
CLASSES = RANDOM.integers(0, 10, 50)


def compared(baseline: dict[str, np.ndarray], candidate: dict[str, np.ndarray], *, size: int = 20) -> Comparison:
    found = Comparison()
    for start in range(0, 50, size):
        rows = slice(start, start + size)
        theirs, ours = ({name: array[rows] for name, array in each.items()} for each in (baseline, candidate))
        found.add(theirs, ours, None, samples=len(VALUES[rows]))
    return found


def test_whole_numbers_are_scored_by_how_many_agree() -> None:
    other = np.where(np.arange(50) < 5, CLASSES + 1, CLASSES)

    quality = compared({"class": CLASSES}, {"class": other}).quality(None, samples=50)

    (score,) = quality.scores
    assert (score.name, score.value, score.baseline, score.higher_is_better) == ("agreement", 0.9, 1, True)
    assert score.loss_ci95 is not None
    assert score.loss_ci95[0] < 0.1 < score.loss_ci95[1]
    assert quality.nmse is None
    assert not quality.collapsed


def test_a_class_that_is_always_the_same_has_collapsed() -> None:
    commonest = np.full(50, np.bincount(CLASSES).argmax())

    quality = compared({"class": CLASSES}, {"class": commonest}).quality(None, samples=50)

    assert quality.collapsed
    assert "agreement" in (quality.collapse_reason or "")


def test_whole_numbers_beside_real_ones_stand_in_a_remark() -> None:
    both = {"y": VALUES, "class": CLASSES}

    quality = compared(both, {"y": VALUES * 1.01, "class": np.where(np.arange(50) < 5, 10, CLASSES)}).quality(
        None, samples=50
    )

    assert quality.nmse == pytest.approx(1e-4 * (VALUES**2).sum() / ((VALUES - VALUES.mean(0)) ** 2).sum())
    assert quality.scores == ()
    assert "class holds whole numbers, of which 0.9 agree" in quality.warnings


def test_a_constant_output_leaves_the_others_their_figures() -> None:
    constant = np.ones((50, 2))

    quality = compared({"y": VALUES, "c": constant}, {"y": VALUES * 1.01, "c": constant + 0.25}).quality(
        None, samples=50
    )

    assert quality.nmse == pytest.approx(1e-4, rel=0.2)
    assert quality.nmse_ci95 is not None
    assert "c is constant in the baseline; it differs by up to 0.25 and has no nmse" in quality.warnings


def test_equal_runs_do_not_differ_and_others_do_by_their_worst_output() -> None:
    same, other = (
        compared({"y": VALUES, "class": CLASSES}, {"y": VALUES, "class": each}) for each in (CLASSES, CLASSES + 1)
    )

    assert same.largest_difference == 0
    assert other.largest_difference == 1
