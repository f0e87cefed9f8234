"""Keras 3 models of many shapes compute in tf_keras what they did, or are refused by the layer that would not."""

from typing import Any

import pytest

from tests.integration.scripts import runs_of

Runs = dict[str, dict[str, Any]]
REFUSED = {
    "hard_gates": "tf_keras computes the layer gates (LSTM) otherwise than Keras 3",
    "random_crop": "tf_keras computes the layer crop (RandomCrop) otherwise than Keras 3",
    "unknown_activation": "the layer gated",
    "unknown_operation": "is of class Erf, which has no counterpart in tf_keras",
}
REBUILT = [
    "regularised", "normalised", "rescaled", "lstm", "gru", "bidirectional", "merged", "cells", "distributed",
    "conv_lstm", "masked", "leaky", "grouped", "causal", "spatial", "half", "augmented", "nested_sequence",
    "sequence_within", "models_within", "shared", "outputs_by_name", "handed_on", "attention", "convolutions",
    "operations", "mask_of_its_own", "state_handed_on", "embedded", "looked_up",
    "hard_sigmoid", "hard_inside", "mobile_net",
]  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """What came of each model."""
    found: Runs = runs_of("bridge_runs.py", tmp_path_factory.mktemp("bridge"), timeout_s=240)
    return found


def test_every_model_is_rebuilt_or_refused(runs: Runs) -> None:
    assert {name for name, run in runs.items() if "failure" in run} == set(REFUSED)
    assert set(runs) == {*REFUSED, *REBUILT}


@pytest.mark.parametrize("name", REBUILT)
def test_it_computes_the_same(runs: Runs, name: str) -> None:
    assert runs[name]["difference"] < 1e-5


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_the_refusal_names_the_cause(runs: Runs, name: str) -> None:
    kind, message = runs[name]["failure"]

    assert kind == "BadModel"
    assert REFUSED[name] in message
