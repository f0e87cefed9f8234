"""Units that tell nothing go without a trace; layers that cannot be pruned are named."""

from typing import Any

import pytest

from tests.integration.scripts import runs_of

Runs = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """What came of each model."""
    folder = tmp_path_factory.mktemp("units")
    found: Runs = runs_of("pruning_runs.py", folder, timeout_s=120)
    return found


def test_units_that_tell_nothing_leave_without_a_trace(runs: Runs) -> None:
    run = runs["idle"]

    assert run["notes"]["units_before_and_after"] == {"wide": [32, 16]}
    assert run["weights"] == 12 * 16 + 16 + 16 * 20 + 20 + 20 * 2 + 2
    assert run["difference"] < 1e-5


def test_a_layer_that_several_read_is_named(runs: Runs) -> None:
    kind, message = runs["branched"]["failure"]

    assert kind == "NothingToDo"
    assert "wide (32)" in message


def test_layers_without_groups_of_four_inputs_are_named(runs: Runs) -> None:
    kind, message = runs["thin"]["failure"]

    assert kind == "NothingToDo"
    assert "first has 3 inputs, not a multiple of 4; y has 6 inputs" in message


def test_a_step_takes_as_many_samples_as_fit(runs: Runs) -> None:
    run = runs["cramped"]

    assert run["sample_bytes"] == 4 * (12 + 32 + 32 + 32)  # input, product, sum, what is returned
    assert run["notes"]["batch_size"] == 5
    assert run["notes"]["samples"] == 64
