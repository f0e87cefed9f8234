"""Models of many kinds through TF-TRT's real segmenter; what wants an engine is refused, for there is no GPU here."""

from pathlib import Path
from typing import Any

import pytest

from tests.tftrt import library, runs_of

LATER = "build=first-request"
NO_KERNEL = "No OpKernel was registered to support Op 'TRTEngineOp'"
CONVERTED = {
    f"mobilenet: tftrt-float16({LATER}, batch=8)": ("float16", 1, 0),
    f"resnet: fixed-batch(batch=4) -> tftrt({LATER}, batch=4)": ("float32", 1, 0),
    f"encoder: tftrt({LATER})": ("float32", 1, 0),
    f"encoder: tftrt-float16({LATER}, shapes=static)": ("float16", 5, 23),
    f"recurrent: tftrt({LATER})": ("float32", 3, 73),
    f"detector: tftrt({LATER})": ("float32", 2, 1),
    f"detector: freeze-pb -> tftrt({LATER})": ("float32", 2, 1),
    f"words: tftrt({LATER}, shapes=static)": ("float32", 1, 5),
    f"alternating: tftrt({LATER})": ("float32", 20, 50),
    f"alternating: tftrt({LATER}, maximum_engines=30)": ("float32", 25, 25),
    f"newer: tftrt({LATER})": ("float32", 1, 0),
    f"any-size: tftrt({LATER})": ("float32", 1, 0),
}
"""Model and recipe → precision, engines, nodes that TensorFlow still computes."""
NO_ENGINE = f"bad_model: TensorRT cannot build the engines: InvalidArgumentError: {NO_KERNEL}"
REFUSED = {
    **dict.fromkeys(("mobilenet: tftrt-int8", "detector: tftrt", "detector: tftrt(shapes=static)"), NO_ENGINE),
    f"detector: tftrt({LATER}, batch=2)": "bad_model: the model has a fixed batch of 1; write batch=1",
    f"encoder: tftrt({LATER}, minimum_segment_size=90)": "nothing_to_do: tftrt has nothing to do: TensorRT takes no "
    "segment of 90 nodes or more; not converted: Mul (10: TensorRT takes it, but not in a segment of 90 nodes or more)",
    f"table: tftrt({LATER})": "unsupported_op: the signature serving_default reads a table or another resource outside",
    f"upper: tftrt({LATER})": "nothing_to_do: tftrt has nothing to do: TensorRT takes no segment of 3 nodes or more; "
    "not converted: StringUpper (1: Op type StringUpper is not supported.)",
    f"words: tftrt-int8({LATER}, shapes=static)": "bad_data: the data does not fit the model: words wants ",
    "any-size: tftrt": "bad_model: engines are built for known sizes, and those of image: float32[1, ?, ?, 3] vary",
    "without data": "bad_data: quantising activations takes a data set with a calibration split, and none was given",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tiny_models: Path) -> Any:
    """What came of all models and recipes; one of the models was written by the default toolchain."""
    folder = tmp_path_factory.mktemp("tftrt")
    (folder / "newer").symlink_to(tiny_models / "keras")
    return runs_of("conversion_runs.py", folder, tensorrt=library(folder / "lib"))


@pytest.mark.parametrize("run", CONVERTED)
def test_engines_are_counted_and_what_is_left_is_told(run: str, found: Any) -> None:
    precision, engines, left = CONVERTED[run]
    notes = found[run]["notes"]

    assert found[run]["format"] == "tftrt"
    assert found[run]["engines"] == [[precision, False]] * engines
    assert (notes["precision"], notes["engine_count"], notes["nodes_not_converted"]) == (precision, engines, left)
    assert sum(sum(reasons.values()) for reasons in notes["ops_not_converted"].values()) == left
    assert all(engine["nodes"] == sum(engine["ops"].values()) >= 3 for engine in notes["engines"])
    assert notes["size_bytes"]["before"] > 0 < notes["size_bytes"]["after"]
    assert any("are not converted, and TensorFlow computes them: " in each for each in found[run]["warnings"]) == (
        left > 0
    )


@pytest.mark.parametrize("run", CONVERTED)
def test_an_artifact_is_loaded_and_wants_a_gpu_to_compute(run: str, found: Any) -> None:
    assert found[run]["run"]["precision"] == CONVERTED[run][0]
    assert NO_KERNEL in found[run]["run"]["refused"]
    assert "Registered devices: [CPU]" in found[run]["run"]["refused"]


def test_an_op_that_is_left_has_its_reason(found: Any) -> None:
    (warning,) = found[f"detector: tftrt({LATER})"]["warnings"]

    assert warning == (
        "1 of 10 nodes are not converted, and TensorFlow computes them: NonMaxSuppressionV3 (1: Op type "
        "NonMaxSuppressionV3 is not supported.)"
    )


def test_names_stay_and_the_batch_is_the_one_of_the_engines(found: Any) -> None:
    assert found[f"mobilenet: tftrt-float16({LATER}, batch=8)"]["inputs"] == ["keras_tensor: float32[8, 96, 96, 3]"]
    assert found[f"detector: tftrt({LATER})"]["inputs"] == ["image: float32[1, 32, 32, 3]"]
    assert found[f"detector: freeze-pb -> tftrt({LATER})"]["outputs"] == ["boxes", "scores"]


@pytest.mark.parametrize("run", REFUSED)
def test_what_cannot_be_is_refused_for_its_reason(run: str, found: Any) -> None:
    assert found[run]["refused"].startswith(REFUSED[run])


def test_int8_that_became_float16_is_refused(found: Any) -> None:
    assert found["silent"]["precision"] == "float16"
    assert found["silent"]["refused"].startswith("unsupported_op: 5 of 5 engines are not int8, for no ranges of ")


def test_a_damaged_model_is_refused_and_nothing_is_left_behind(found: Any) -> None:
    assert "it is truncated or damaged" in found["damaged"]["refused"]
    assert found["left behind"] == []
