"""Attention that is masked keeps what it looks at in int8, or is refused where all has to be integers."""

from typing import Any

import pytest

from tests.integration.scripts import runs_of

MASKED = ("added", "scaled", "chosen")
"""By -1e9, by -1e4, and by the least float32 in place of a score."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of every mask and recipe."""
    return runs_of("masked_runs.py", tmp_path_factory.mktemp("masked"), timeout_s=300)


@pytest.mark.parametrize("recipe", ["tflite-int8-float", "onnx -> onnx-int8", "onnx -> openvino-int8"])
@pytest.mark.parametrize("mask", [*MASKED, "none"])
def test_scores_keep_their_integers_beside_a_mask(mask: str, recipe: str, runs: Any) -> None:
    assert runs[mask][recipe]["nmse"] < 0.01
    assert runs[mask][recipe]["warnings"] == []


@pytest.mark.parametrize(
    ("mask", "recipe"),
    [*((mask, "tflite-int8") for mask in MASKED), ("added", "tflite-int16x8")],
)
def test_integers_alone_are_refused_where_they_would_lose_attention(mask: str, recipe: str, runs: Any) -> None:
    refusal = runs[mask][recipe]["refused"]

    assert refusal.startswith("unsupported_op: ")
    assert "tflite-int8-float leaves it in float32" in refusal


@pytest.mark.parametrize(
    ("mask", "recipe"),
    [("none", "tflite-int8"), ("none", "tflite-int16x8"), ("scaled", "tflite-int16x8")],
)
def test_integers_alone_do_where_they_hold_the_mask_too(mask: str, recipe: str, runs: Any) -> None:
    assert runs[mask][recipe]["nmse"] < 0.01


def test_a_factor_of_all_scores_is_no_mask_however_large_it_is(runs: Any) -> None:
    assert not [run for run in runs["sharpened"].values() if "refused" in run]
    assert runs["sharpened"]["onnx -> onnx-int8"]["nmse"] < 0.01
