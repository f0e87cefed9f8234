"""Techniques on Keras models of the shapes that people have: right values, or the true reason."""

from typing import Any

import pytest

from tests.integration.scripts import runs_of

Runs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """What came of each case."""
    found: Runs = runs_of("keras_runs.py", tmp_path_factory.mktemp("keras"), timeout_s=300)
    return found


@pytest.mark.parametrize(
    ("case", "nmse"),
    [
        ("normalised", 1e-3),
        ("normalised_within", 1e-9),
        ("shared", 1e-2),
        ("split", 1e-2),
        ("classes_and_scores", 0.05),
    ],
)
def test_the_outputs_are_right(runs: Runs, case: str, nmse: float) -> None:
    assert runs[case]["nmse"] < nmse


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("model_within", "the layer block is a model itself, which cannot be quantised; flatten the model"),
        ("classes_alone", "nothing can be learnt by whole numbers, which best gives"),
    ],
)
def test_the_refusal_says_why(runs: Runs, case: str, reason: str) -> None:
    kind, message = runs[case]["failure"]

    assert kind == "BadModel"
    assert reason in message
