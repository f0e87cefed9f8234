"""Techniques that edit a model do what they say, on models of both Keras libraries and on a detector."""

from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.spec import Evaluate
from tests.integration.children import lay_out, run
from tests.integration.scripts import runs_of

Runs = dict[str, Any]
LIBRARIES = ("keras", "tf_keras")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all runs."""
    return tmp_path_factory.mktemp("edits")


@pytest.fixture(scope="module")
def runs(folder: Path) -> Runs:
    """What came of each run."""
    found: Runs = runs_of("edit_runs.py", folder, timeout_s=560)
    return found


def test_placing_ops_touches_devices_and_nothing_else(runs: Runs) -> None:
    placed = runs["placed"]

    assert {op for op, device in placed["devices"].items() if "GPU" in device} == {"NonMaxSuppressionV5"}
    assert placed["notes"][0]["device"] == "/device:GPU:1"
    assert list(placed["notes"][0]["moved"].values()) == ["NonMaxSuppressionV5"]
    assert placed["signatures"] == ["serving_default", "features"]
    assert placed["inputs"] == ["image: float32[?, 12, 12, 3]", "threshold: float32[]"]
    assert placed["variables"] == [True, True]
    assert placed["equal"]


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [
        ("NonMaxSupression", "matches 'NonMaxSupression'; the nearest op types are NonMaxSuppressionV5"),
        ("zzz", "matches 'zzz'; none is like it; the most frequent op types are "),
    ],
)
def test_a_pattern_that_matches_nothing_is_answered_with_op_types(runs: Runs, pattern: str, answer: str) -> None:
    refused = runs[f"keras detector: place-ops(match={pattern})"]

    assert refused["reason"] == "nothing_to_do"
    assert answer in refused["message"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_resized_model_computes_what_one_built_for_that_size_does(runs: Runs, library: str) -> None:
    run = runs[f"{library} pooled: resize-input(height=20, width=24)"]

    assert run["inputs"] == ["image: float32[?, 20, 24, 3]"]
    assert run["outputs"] == {"scores": ["float32", [4, 6]]}
    assert run["nmse"] < 1e-8


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("size", ["height=20, width=24", "height=24, width=24"])
def test_a_size_that_is_built_in_is_reported_with_its_node(runs: Runs, library: str, size: str) -> None:
    refused = runs[f"{library} flat: resize-input({size})"]

    assert refused["reason"] == "unsupported_op"
    assert "the node" in refused["message"]
    assert "/flat/Reshape (Reshape)" in refused["message"].replace("flat_1", "flat")


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_model_without_images_cannot_be_resized(runs: Runs, library: str) -> None:
    refused = runs[f"{library} several: resize-input(height=20, width=24)"]

    assert refused["reason"] == "nothing_to_do"
    assert "no input is a batch of images" in refused["message"]
    assert "left [None, 8], right [None, 4]" in refused["message"]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("model", ["pooled", "flat"])
def test_a_fixed_batch_stands_in_the_signature(runs: Runs, library: str, model: str) -> None:
    run = runs[f"{library} {model}: fixed-batch(batch=4)"]

    assert run["inputs"] == ["image: float32[4, 12, 12, 3]"]
    assert run["nmse"] < 1e-8


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_batch_is_fixed_once(runs: Runs, library: str) -> None:
    refused = runs[f"{library} pooled: fixed-batch(batch=4) -> fixed-batch(batch=2)"]

    assert refused["reason"] == "nothing_to_do"
    assert "the model has a fixed batch of 4 already" in refused["message"]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("model", ["pooled", "recurrent", "several"])
def test_mixed_precision_computes_in_16_bits_and_gives_32(runs: Runs, library: str, model: str) -> None:
    run = runs[f"{library} {model}: mixed-precision"]

    assert run["precision"] == "bfloat16"
    assert {kind for kind, _ in run["outputs"].values()} == {"float32"}
    assert 0 < run["nmse"] < 0.02


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("model", "recipe", "left_out"),
    [
        ("residual", "truncate", [["block2_conv", "block2_norm", "block2_relu", "block2_add", "block2_out"]]),
        (
            "residual",
            "truncate(layers=2)",
            [[f"block{index}_{part}" for part in ("conv", "norm", "relu", "add", "out")] for index in (1, 2)],
        ),
        ("stack", "truncate", [["last", "last_norm"]]),
        ("several", "truncate", [["last"]]),
    ],
)
def test_a_truncated_model_computes_what_a_shallower_one_does(
    runs: Runs, library: str, model: str, recipe: str, left_out: list[list[str]]
) -> None:
    run = runs[f"{library} {model}: {recipe}"]

    assert run["notes"][0]["left_out"] == left_out
    assert run["notes"][0]["parameters_after"] < run["notes"][0]["parameters_before"]
    assert run["nmse"] < 1e-8


@pytest.mark.parametrize("library", LIBRARIES)
def test_steps_that_edit_chain_with_others(runs: Runs, library: str) -> None:
    run = runs[f"{library} residual: truncate -> fixed-batch(batch=4) -> tflite-float32"]

    assert run["inputs"] == ["image: float32[4, 12, 12, 3]"]
    assert run["nmse"] < 1e-8


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("asked", "reason", "answer"),
    [
        ("flat: truncate", "nothing_to_do", "no block of layers can be left out"),
        ("shared: truncate", "bad_model", "the layer twice is called 2 times"),
        ("residual: truncate(layers=4)", "bad_parameter", "only 3 of 4 blocks can be left out"),
        ("residual: truncate(match=stem)", "bad_parameter", "only 0 of 1 blocks can be left out"),
    ],
)
def test_what_cannot_be_left_out_is_reported(runs: Runs, library: str, asked: str, reason: str, answer: str) -> None:
    refused = runs[f"{library} {asked}"]

    assert refused["reason"] == reason
    assert answer in refused["message"]


def test_deep_reuse_reports_each_convolution_and_is_repeatable(runs: Runs) -> None:
    reused = runs["reused"]

    assert reused["equal"]
    assert reused["notes"]["samples"] == 3
    assert len(reused["notes"]["layers"]) == 3
    for layer in reused["notes"]["layers"].values():
        assert 0 < layer["clusters_per_vector"] < 1
        assert layer["saved"] == pytest.approx(-layer["clusters_per_vector"])  # 8 filters save what 8 hash bits cost
        assert 0 < layer["nmse"] < 1
    assert any("in groups or in functions are left out: " in warning for warning in reused["warnings"])


def test_calibration_for_a_resized_model_is_resized_and_it_is_said(runs: Runs) -> None:
    assert "image takes images of 20 x 24; those of the data, 12 x 12, are resized to it" in runs["reused"]["resized"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_reuse_is_estimated_for_convolutions_only(runs: Runs, library: str) -> None:
    refused = runs[f"{library} several: deep-reuse"]

    assert refused["reason"] == "nothing_to_do"
    assert "there is none" in refused["message"]


def test_a_resident_feeds_resized_images_and_a_fixed_batch(runs: Runs) -> None:
    resized, fixed = runs["fed"].values()

    assert resized["warnings"] == ["image takes images of 20 x 24; those of the data, 12 x 12, are resized to it"]
    assert fixed["inputs"] == ["image: float32[4, 12, 12, 3]"]
    assert not fixed["warnings"]


def evaluated(folder: Path, place: Path, model: str) -> Quality:
    """The quality of a resized model beside the original, on the images of the data set."""
    task = lay_out(
        place,
        Evaluate(),
        baseline=folder / f"artifacts/{model}",
        candidate=folder / f"artifacts/keras-{model}-resize-input(height=20, width=24)",
        data=folder / "data.npz",
    )
    facts: Quality = run(task).facts(Quality)
    return facts


def test_a_resized_model_is_scored_on_resized_images_and_it_is_said(folder: Path, runs: Runs, tmp_path: Path) -> None:
    assert runs

    facts = evaluated(folder, tmp_path, "pooled")

    assert facts.nmse is not None
    assert facts.nmse > 0
    assert facts.warnings == ("image takes images of 20 x 24; those of the data, 12 x 12, are resized to it",)


def test_outputs_of_another_size_are_not_scored_and_it_is_said_why(folder: Path, runs: Runs, tmp_path: Path) -> None:
    assert runs["keras mask: resize-input(height=20, width=24)"]["outputs"] == {"mask": ["float32", [4, 20, 24, 1]]}

    facts = evaluated(folder, tmp_path, "mask")

    assert (facts.mse, facts.nmse, facts.collapsed) == (None, None, False)
    assert facts.warnings[1] == (
        "quality is not scored: the shapes of mask differ: the baseline gives mask [4, 12, 12, 1], "
        "the candidate mask [4, 20, 24, 1]"
    )
