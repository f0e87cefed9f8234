"""A variant whose outputs carry no information is marked, with the reason; a merely worse one is not."""

from typing import Any

import numpy as np
import pytest

from optfarm_tasks.quality import collapse
from optfarm_tasks.quality.agreement import Agreement
from optfarm_tasks.quality.comparison import Comparison
from optfarm_tasks.quality.labels import scoring_for
from optfarm_tasks.quality.score import Scored
from optfarm_tasks.schema.result import Score

STEERING = np.random.default_rng(0).normal(0, 0.2, (200, 1))


def agreements(baseline: Any, candidate: Any) -> dict[str, Agreement]:
    found = Agreement()
    found.add(np.asarray(baseline), np.asarray(candidate))
    return {"steering": found}


def score(value: float, *, baseline: float, trivial: float, higher: bool = False) -> Scored:
    name = "top1" if higher else "mse"
    return Scored(
        Score(name=name, value=value, baseline=baseline, higher_is_better=higher), trivial=trivial, nothing="the mean"
    )


def test_a_variant_close_to_the_baseline_stands() -> None:
    assert collapse.reason(agreements(STEERING, STEERING * 1.3), ()) is None


@pytest.mark.parametrize(
    "candidate",
    [
        np.zeros_like(STEERING),
        np.full_like(STEERING, 28157**0.5),
        -STEERING,
        STEERING[::-1],
    ],
)
def test_outputs_no_nearer_than_the_mean_have_collapsed(candidate: Any) -> None:
    said = collapse.reason(agreements(STEERING, candidate), ())

    assert said is not None
    assert said.startswith("steering is no nearer to the baseline's than its mean would be: NMSE")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_outputs_that_are_not_finite_have_collapsed(value: float) -> None:
    candidate = STEERING.copy()
    candidate[3] = value

    said = collapse.reason(agreements(STEERING, candidate), ())

    assert said == "1 of 200 values of steering are NaN or infinite"


@pytest.mark.parametrize(("error", "has_collapsed"), [(0.0, False), (0.1, False), (1.0, True), (50.0, True)])
def test_against_a_constant_baseline_the_error_is_held_against_its_size(error: float, has_collapsed: bool) -> None:
    constant = np.full((8, 1), 1.0)

    assert (collapse.reason(agreements(constant, constant + error), ()) is not None) is has_collapsed


def test_a_baseline_of_zeros_judges_nobody() -> None:
    assert collapse.reason(agreements(np.zeros((8, 1)), np.ones((8, 1))), ()) is None


@pytest.mark.parametrize(
    ("scored", "has_collapsed"),
    [
        (score(0.0041, baseline=0.004, trivial=0.04), False),
        (score(0.04, baseline=0.004, trivial=0.04), True),
        (score(28157, baseline=0.041, trivial=0.2), True),
        (score(0.3, baseline=0.21, trivial=0.2), False),
        (score(0.5, baseline=0.8, trivial=0.1, higher=True), False),
        (score(0.1, baseline=0.8, trivial=0.1, higher=True), True),
    ],
)
def test_no_better_than_a_constant_answer_has_collapsed_if_the_baseline_is_better(
    scored: Scored, has_collapsed: bool
) -> None:
    said = collapse.reason(agreements(STEERING, STEERING), (scored,))

    assert (said is not None) is has_collapsed
    if said is not None:
        assert "no better than always giving the" in said
        assert f"the baseline has {scored.score.baseline:.3g}" in said


def test_one_collapsed_output_of_several_is_enough() -> None:
    found = agreements(STEERING, STEERING) | {"speed": agreements(STEERING, -STEERING)["steering"]}

    assert "speed is no nearer" in (collapse.reason(found, ()) or "")


def test_the_figures_of_outputs_that_are_not_finite_are_withheld() -> None:
    quality = Comparison(agreements(STEERING, STEERING * np.inf)).quality(None, samples=200)

    assert quality.collapsed
    assert (quality.mse, quality.nmse, quality.max_abs_difference, quality.cosine) == (None, None, None, None)


def test_nmse_is_that_of_the_worst_output_and_says_of_which() -> None:
    found = agreements(STEERING, STEERING) | {"speed": agreements(STEERING, STEERING + 0.01)["steering"]}

    quality = Comparison(found, warnings=["seen"]).quality(None, samples=200)

    assert quality.nmse == found["speed"].nmse
    assert quality.mse == pytest.approx(0.01**2 / 2)
    assert quality.warnings == ("seen", "nmse is that of speed, the worst of 2 outputs")


def test_scores_stand_beside_the_baselines() -> None:
    scoring = scoring_for(STEERING, {"steering": STEERING})
    scoring.add(STEERING, STEERING * 1.1, STEERING * 1.2)

    quality = Comparison(agreements(STEERING * 1.1, STEERING * 1.2), scoring=scoring).quality(STEERING, samples=200)

    assert [each.name for each in quality.scores] == ["mse", "mae"]
    assert quality.scores[0].value == pytest.approx(4 * (quality.scores[0].baseline or 0))
    assert not quality.collapsed
