"""What a recipe comes to for a model is worked out once, before anything runs."""

import pytest

from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadParameter, MissingParameter
from optfarm_tasks.resolved import resolve
from optfarm_tasks.schema.recipe import Recipe


@pytest.mark.parametrize(
    ("recipe", "given", "yielded"),
    [
        ("baseline", Format.TFLITE, Format.TFLITE),
        ("baseline", Format.H5, Format.SAVED_MODEL),
        ("tflite-int8", Format.KERAS, Format.TFLITE),
        ("baseline -> tflite-int8", Format.KERAS, Format.TFLITE),
        ("onnx -> onnx-int8", Format.KERAS, Format.ONNX),
        ("onnx -> openvino-int8", Format.TFLITE, Format.OPENVINO),
        ("openvino-compress-weights", Format.OPENVINO, Format.OPENVINO),
    ],
)
def test_the_format_of_an_artifact_is_known_before_it_is_made(recipe: str, given: Format, yielded: Format) -> None:
    assert resolve(Recipe.parse(recipe), given).output_format is yielded


def test_a_step_that_does_not_take_what_reaches_it_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"tflite-int8 takes .*, saved_model; what reaches it is tflite"):
        resolve(Recipe.parse("tflite-float32 -> tflite-int8"), Format.KERAS)


def test_a_recipe_needs_calibration_if_a_step_does() -> None:
    assert resolve(Recipe.parse("baseline -> tflite-int16x8"), Format.SAVED_MODEL).needs_calibration
    assert not resolve(Recipe.parse("tflite-float16"), Format.SAVED_MODEL).needs_calibration


def test_a_recipe_that_ends_in_a_keras_file_is_exported() -> None:
    trained = resolve(Recipe.parse("prune -> cluster"), Format.KERAS)

    assert [str(each.step) for each in trained.steps] == ["prune", "cluster", "baseline"]
    assert trained.output_format is Format.SAVED_MODEL
    assert trained.techniques == ("prune", "cluster")
    assert len(resolve(Recipe.parse("prune -> tflite-int8"), Format.H5).steps) == 2


def test_defaults_are_filled_in_once() -> None:
    (step,) = resolve(Recipe.parse("tflite-int8"), Format.SAVED_MODEL).steps

    assert step.params.model_dump()["calibration_samples"] > 0


def test_the_last_step_that_fixes_a_batch_counts() -> None:
    recipe = Recipe.parse("fixed-batch(batch=4) -> freeze")

    assert resolve(recipe, Format.SAVED_MODEL).fixed_batch == 4
    assert resolve(Recipe.parse("freeze"), Format.SAVED_MODEL).fixed_batch is None


def test_the_hungriest_step_says_how_much_memory_is_needed() -> None:
    small, large = (resolve(Recipe.parse("prune -> cluster"), Format.H5, model_bytes=size) for size in (0, 1 << 30))

    assert 0 < small.memory_bytes < large.memory_bytes
    assert resolve(Recipe.parse("freeze"), Format.SAVED_MODEL, model_bytes=1 << 30).memory_bytes == 0


def test_a_parameter_without_a_default_has_to_be_given() -> None:
    with pytest.raises(MissingParameter, match="it needs"):
        resolve(Recipe.parse("resize-input"), Format.SAVED_MODEL)
