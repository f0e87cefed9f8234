"""What is read from a model's bytes is what its own framework says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks.description import Format, ModelDescription, Tensor
from optfarm_tasks.formats import describe, detect

KERAS = [
    f"{library}_{shape}.{suffix}"
    for library in ("keras", "tf_keras")
    for shape in ("functional", "sequential", "nested")
    for suffix in ("keras", "h5")
]
SAVED_MODELS = ["maths", "tf_keras", "keras"]
TFLITE = ["float32.tflite", "int8.tflite", "offsets.tflite", "custom.tflite", "unnamed.tflite"]


def sides(description: ModelDescription) -> dict[str, Any]:
    """Signature → inputs and outputs, as expected.json has them."""
    return {
        each.name: [{t.name: plain(t) for t in tensors} for tensors in (each.inputs, each.outputs)]
        for each in description.signatures
    }


def plain(tensor: Tensor) -> list[Any]:
    """Type and shape, and for TFLite scale and zero point."""
    return [tensor.dtype, None if tensor.shape is None else list(tensor.shape)]


@pytest.fixture(scope="session")
def expected(tiny_models: Path) -> dict[str, Any]:
    """What the frameworks say of the tiny models."""
    found: dict[str, Any] = json.loads((tiny_models / "expected.json").read_text())
    return found


@pytest.mark.parametrize("name", [*KERAS, *SAVED_MODELS])
def test_description_is_what_the_framework_says(name: str, tiny_models: Path, expected: dict[str, Any]) -> None:
    description = describe(tiny_models / name)

    assert sides(description) == expected[name]["signatures"]
    assert description.parameters == expected[name]["parameters"]
    assert description.signature.name == "serving_default"


@pytest.mark.parametrize("name", TFLITE)
def test_tflite_description_is_what_litert_says(name: str, tiny_models: Path, expected: dict[str, Any]) -> None:
    description = describe(tiny_models / name)

    (signature,) = description.signatures
    for tensors, wanted in zip(
        (signature.inputs, signature.outputs), expected[name]["signatures"][signature.name], strict=True
    ):
        assert {t.name: [*plain(t), t.scale, t.zero_point] for t in tensors} == wanted
    assert description.ops == expected[name]["ops"]
    assert description.parameters == expected[name]["parameters"]


@pytest.mark.parametrize(("content", "suffix", "kind"), [("h5", "keras", Format.H5), ("keras", "h5", Format.KERAS)])
def test_of_the_formats_of_keras_the_content_tells(
    content: str, suffix: str, kind: Format, tiny_models: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny_models / f"tf_keras_functional.{content}", tmp_path / f"model.{suffix}")

    assert detect(tmp_path) == detect(tmp_path / f"model.{suffix}") == describe(tmp_path).format == kind


def test_custom_op_counts_under_its_own_name(tiny_models: Path) -> None:
    assert describe(tiny_models / "custom.tflite").ops["Igamma"] == 1


def test_ops_of_a_saved_model_include_those_of_its_functions(tiny_models: Path) -> None:
    ops = describe(tiny_models / "maths").ops

    assert ops["MatMul"] == 2
    assert ops["Igamma"] == 1


def test_layers_of_nested_models_count(tiny_models: Path) -> None:
    ops = describe(tiny_models / "tf_keras_functional.keras").ops

    assert ops == {
        "Dense": 3, "Conv2D": 1, "BatchNormalization": 1, "Flatten": 1, "Dropout": 1, "Concatenate": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("tf_keras_functional.keras", Format.KERAS),
        ("tf_keras_functional.h5", Format.H5),
        ("float32.tflite", Format.TFLITE),
    ],
)
def test_a_folder_is_its_one_model(name: str, expected: Format, tiny_models: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_models / name, tmp_path / name)
    (tmp_path / "notes.txt").write_text("of no concern")

    assert detect(tmp_path) is expected
    assert describe(tmp_path).signatures == describe(tiny_models / name).signatures
    assert describe(tmp_path).size_bytes == (tiny_models / name).stat().st_size + len("of no concern")


def test_a_hdf5_suffix_is_h5(tiny_models: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_models / "keras_functional.h5", tmp_path / "model.hdf5")

    assert describe(tmp_path).format is Format.H5


def test_a_saved_model_folder_is_a_saved_model(tiny_models: Path) -> None:
    assert detect(tiny_models / "maths") is Format.SAVED_MODEL
