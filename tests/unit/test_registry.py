"""A file in techniques/ or runtimes/ is all it takes, and nothing of a framework is imported to know of it."""

import subprocess
import sys

import pytest

from optfarm_tasks import registry
from optfarm_tasks.description import FINAL_FORMATS, Format
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.recipe import Recipe, Step

FRAMEWORKS = {
    "ai_edge_litert", "h5py", "keras", "nncf", "onnx", "onnxruntime", "openvino", "tensorflow", "tf2onnx", "tf_keras"
}  # fmt: skip


def test_the_name_of_a_file_registers_it() -> None:
    assert {"baseline", "prune-2-4", "tflite-int8"} <= set(registry.technique_names())
    assert list(registry.technique_names()) == sorted(registry.technique_names())
    assert {"litert", "tensorflow"} <= set(registry.runtime_names())


def test_an_unknown_technique_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(BadParameter, match=r"no technique 'tflite-in8'; did you mean 'tflite-int8'\?"):
        registry.technique("tflite-in8")


def test_a_name_like_no_other_is_refused_with_all_names() -> None:
    with pytest.raises(BadParameter, match="there are amp, baseline, "):
        registry.technique("xyzzy")


@pytest.mark.parametrize("name", ["_tflite", "-tflite", "-calibration"])
def test_shared_steps_are_no_techniques(name: str) -> None:
    with pytest.raises(BadParameter):
        registry.technique(name)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"calibration_samples": 0}, r"calibration_samples: .*greater than or equal to 1.*\[1, 10000\]"),
        ({"calibration_samples": "many"}, "calibration_samples: .*integer"),
        ({"samples": 3}, "samples: Extra inputs.*Its parameters: calibration_samples"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_with_its_range(params: dict[str, int | str], told: str) -> None:
    with pytest.raises(BadParameter, match=told):
        registry.params_of(Step(technique="tflite-int8", params=params))


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
    assert registry.output_format(Recipe.parse(recipe), given) is yielded


def test_a_step_that_does_not_take_what_reaches_it_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"tflite-int8 takes .*, saved_model; what reaches it is tflite"):
        registry.output_format(Recipe.parse("tflite-float32 -> tflite-int8"), Format.KERAS)


def test_a_recipe_needs_calibration_if_a_step_does() -> None:
    assert registry.needs_calibration(Recipe.parse("baseline -> tflite-int16x8"))
    assert not registry.needs_calibration(Recipe.parse("tflite-float16"))


def test_every_format_that_is_made_or_that_a_recipe_may_end_in_can_be_run() -> None:
    made = {kind for name in registry.technique_names() for kind in registry.technique(name).CARD.yields.values()}

    run = {each for name in registry.runtime_names() for each in registry.runtime(name).FORMATS}

    assert made <= FINAL_FORMATS == run | {Format.KERAS, Format.H5}
    with pytest.raises(BadParameter, match="no runtime runs keras"):
        registry.runtime_for(Format.KERAS)


def test_cards_are_read_without_importing_a_framework() -> None:
    script = (
        "import sys; from optfarm_tasks import registry\n"
        "[registry.card(name) for name in registry.technique_names()]\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)

    assert FRAMEWORKS.isdisjoint(ended.stdout.split())
