"""Exported programs of PyTorch: what is read of them, what they give, and what becomes of them in every form."""

from pathlib import Path
from typing import Any

import pytest

from optfarm_tasks import instruction_sets
from tests.integration.scripts import python_of, runs_of

EXACT, HALF, INT8 = 1e-8, 1e-2, 0.05
NEAR = {
    "torch-bfloat16": HALF, "torch-float16": 1e-3, "torch-int8": INT8, "torch-int8-dynamic": INT8,
    "torch-compress-weights": 1e-3, "onnx-dynamic": INT8, "onnx-int8": INT8,
    "onnx-float16": HALF, "openvino-int8": INT8, "openvino-float16": HALF,
}  # fmt: skip
"""Step → how far outputs may be; the others give what PyTorch does, but for rounding."""
KINDS = {
    "torch-compile": "float32", "torch-bfloat16": "bfloat16", "torch-bfloat16 -> torch-compile": "bfloat16",
    "torch-float16": "float16", "torch-compress-weights": "float32",
    "torch-compress-weights -> torch-onnx": "float32; int8 weights, float32 activations",
    "torch-int8": "int8", "torch-int8-dynamic": "int8", "torch-onnx": "float32", "torch-tflite(batch=4)": "float32",
}  # fmt: skip
STATE = "unsupported_op: the model keeps state between calls in calls, which {} loses"
REFUSED = {
    ("channels_last", "torch-channels-last"): "no convolution of images has weights in another order",
    ("named", "torch-channels-last"): "no convolution of images",
    ("recurrent", "torch-channels-last"): "no convolution of images",
    ("encoder", "torch-channels-last"): "no convolution of images",
    ("constant", "torch-channels-last"): "no convolution of images",
    ("counting", "torch-channels-last"): "no convolution of images",
    **{(name, "torch-channels-last"): "no convolution of images" for name in ("halves", "brain", "double", "light")},
    ("halves", "torch-int8"): "unsupported_op: the layer of layers.0.weight computes in float16, which PyTorch's quant",
    ("halves", "torch-onnx -> onnx-dynamic"): "unsupported_op: Gemm computes in float16, and float32 alone is",
    ("halves", "torch-tflite(batch=4)"): "unsupported_op: the layer of layers.0.weight computes in float16, which TFL",
    ("brain", "torch-bfloat16"): "nothing_to_do: torch-bfloat16 has nothing to do: autocast leaves bfloat16 as it is",
    **{
        ("brain", recipe): "unsupported_op: the input x is bfloat16, which torch-"
        for recipe in ("torch-onnx -> onnx-dynamic", "torch-openvino", "torch-tflite(batch=4)")
    },
    ("double", "torch-bfloat16"): "nothing_to_do: torch-bfloat16 has nothing to do: autocast leaves float64 as it is",
    ("double", "torch-int8"): "unsupported_op: the layer of layers.0.weight computes in float64, which PyTorch's quant",
    ("double", "torch-onnx -> onnx-dynamic"): "nothing_to_do: onnx-dynamic has nothing to do: nothing of the model was",
    ("double", "torch-tflite(batch=4)"): "unsupported_op: the layer of layers.0.weight computes in float64, which TFL",
    ("light", "torch-bfloat16"): "nothing_to_do: torch-bfloat16 has nothing to do: no op of the model is computed in",
    ("light", "torch-int8"): "nothing_to_do: torch-int8 has nothing to do: no layer of the model is quantised",
    ("light", "torch-onnx -> onnx-dynamic"): "nothing_to_do: onnx-dynamic has nothing to do: nothing of the model was",
    ("counting", "torch-onnx -> onnx-dynamic"): STATE.format("torch-onnx"),
    ("counting", "torch-openvino"): STATE.format("torch-openvino"),
    ("counting", "torch-tflite(batch=4)"): STATE.format("torch-tflite"),
    (
        "images",
        "torch-bfloat16 -> torch-onnx",
    ): "bad_parameter: torch-bfloat16 says how PyTorch computes, and torch-onnx",
    ("images", "torch-int8 -> torch-openvino"): "unsupported_op: torch-openvino does not take the ops by which PyTorch",
    ("images", "torch-int8-dynamic -> torch-tflite"): "unsupported_op: torch-tflite does not take the ops by which",
    ("images", "torch-compress-weights -> torch-int8"): "nothing_to_do: torch-int8 has nothing to do: PyTorch quant",
    ("images", "torch-tf32"): "bad_parameter: torch-tf32 made this for GPUs, and the device is a CPU",
    ("images", "torch-cuda-graph"): "bad_parameter: torch-cuda-graph made this for GPUs, and the device is a CPU",
    ("images", "torch-tf32 -> torch-onnx"): "bad_parameter: torch-tf32 says how PyTorch computes, and torch-onnx loses",
    ("images", "torch-compile -> torch-openvino"): "bad_parameter: torch-compile says how PyTorch computes, and torch-",
}
SHAPES = {
    "images": {"x": [None, 3, 32, 32]},
    "channels_last": {"x": [None, 3, 32, 32]},
    "fixed_batch": {"x": [4, 3, 32, 32]},
    "named": {"given_x": [None, 8], "given_count": [None, 3]},
    "recurrent": {"x": [None, 12, 8]},
    "encoder": {"ids": [None, 10]},
    "language": {"input_ids": [None, 12]},
    "constant": {"x": [None, 8], "shift": [None, 4]},
    "counting": {"x": [None, 8]},
    "halves": {"x": [None, 8]},
    "brain": {"x": [None, 8]},
    "double": {"x": [None, 8]},
    "light": {"x": [None, 8]},
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of all models and recipes."""
    folder = tmp_path_factory.mktemp("torch")
    return runs_of("torch_models_runs.py", folder, timeout_s=580, python=python_of("torch"))


@pytest.mark.parametrize("model", SHAPES)
def test_inputs_are_read_without_pytorch(model: str, found: Any) -> None:
    description = found["models"][model]["description"]

    assert {each["name"]: each["shape"] for each in description["signatures"][0]["inputs"]} == SHAPES[model]


def test_outputs_have_the_names_that_the_model_gives_them(found: Any) -> None:
    outputs = {name: each["runs"]["baseline"]["outputs"] for name, each in found["models"].items()}

    assert outputs["named"] == ["logits", "total", "twice"]
    assert outputs["language"] == ["logits"]
    assert outputs["constant"] == ["output_0", "output_1"]
    assert outputs["images"] == ["output"]


def test_state_is_seen_and_reset(found: Any) -> None:
    states = {name: each["description"].get("state", []) for name, each in found["models"].items()}
    first, second, reset = found["resets"]

    assert states == {name: [] for name in SHAPES} | {"counting": ["calls"]}
    assert second == pytest.approx([value + 1 for value in first])
    assert reset == first


@pytest.mark.parametrize("model", SHAPES)
def test_every_form_gives_what_pytorch_gives_or_is_refused_for_its_reason(model: str, found: Any) -> None:
    for recipe, run in found["models"][model]["runs"].items():
        if reason := REFUSED.get((model, recipe)):
            assert reason in run["refused"]
            continue
        steps = [step.partition("(")[0] for step in recipe.split(" -> ")]
        assert "refused" not in run, (recipe, run)
        rounding = HALF if model in ("halves", "brain") else EXACT
        assert run["nmse"] <= max(rounding, *(NEAR.get(step, EXACT) for step in steps)), recipe
        batch = 4 if "torch-tflite" in steps else None
        assert run["shapes"] == {name: [shape[0] or batch, *shape[1:]] for name, shape in SHAPES[model].items()}
        assert run["outputs"] == found["models"][model]["runs"]["baseline"]["outputs"]


@pytest.mark.parametrize("recipe", KINDS)
def test_the_precision_is_read_back(recipe: str, found: Any) -> None:
    assert found["models"]["images"]["runs"][recipe]["precision"] == KINDS[recipe]


def test_ops_and_compiled_kernels_are_observed(found: Any) -> None:
    plain, compiled = (found["observed"][name] for name in ("images", "images-torch-compile"))

    assert plain["ops"] == [
        *("aten::conv2d", "aten::batch_norm", "aten::relu") * 2,
        "aten::mean",
        "aten::linear",
    ]
    assert any(op.startswith("cpp_fused_") for op in compiled["ops"])
    assert "aten::batch_norm" not in compiled["ops"]
    for each in (plain, compiled):
        assert 0 < each["total_ns"] <= each["wall_ns"]


def test_the_type_of_a_program_is_read_back_in_its_compiled_form_too(found: Any) -> None:
    kinds = {
        model: {found["models"][model]["runs"][recipe]["precision"] for recipe in ("baseline", "torch-compile")}
        for model in ("halves", "brain", "double")
    }

    assert kinds == {"halves": {"float16"}, "brain": {"bfloat16"}, "double": {"float64"}}


def test_an_op_of_somebody_s_own_is_named(found: Any) -> None:
    assert found["unknown"].startswith("unsupported_op: PyTorch does not know the op their_own.relu: the package that")


def test_a_pickle_that_would_run_code_is_refused_and_not_read(found: Any) -> None:
    assert "reading it could run code: model.pt" in found["hostile"]
    assert not found["has_run"]


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A network that others trained, on images that others took."""
    folder = tmp_path_factory.mktemp("pretrained")
    return runs_of("torch_pretrained_runs.py", folder, timeout_s=580, python=python_of("torch"))


def test_every_float_form_of_a_trained_network_keeps_its_classes(pretrained: Any) -> None:
    original, labels = pretrained["original"], pretrained["labels"]
    right = {recipe: sum(map(int.__eq__, run["classes"], labels)) for recipe, run in pretrained["runs"].items()}

    assert sum(map(int.__eq__, original, labels)) == 16
    for recipe, run in pretrained["runs"].items():
        # Which sums are rounded where in bfloat16 differs from processor to processor.
        may_differ = 1 if recipe == "torch-bfloat16" else 0
        assert sum(map(int.__ne__, run["classes"], original)) <= may_differ, recipe
        assert right[recipe] >= 16 - may_differ
        assert run["nmse"] <= max(NEAR.get(step, EXACT) for step in recipe.split(" -> ")), recipe


def test_int8_is_right_on_every_processor_with_weights_in_7_bits_where_sums_overflow(
    tmp_path: Path,
) -> None:
    losses = runs_of("torch_integers_runs.py", tmp_path, timeout_s=300, python=python_of("torch"))

    for sets, of_recipes in losses.items():
        assert of_recipes["torch-int8(reduce_range=true)"] < 1e-3, sets
    assert losses["AVX512_CORE"]["torch-int8"] > 1
    assert losses["AVX2"]["torch-int8"] > 1
    if not instruction_sets.overflow(instruction_sets.here()):
        assert losses["ALL"]["torch-int8"] < 1e-3
        assert losses["ALL"]["torch-int8-dynamic"] < 1e-3


PRECISIONS = {
    "torch-tf32": "tf32", "torch-float16": "float16", "torch-bfloat16": "bfloat16",
    "torch-float16 -> torch-cuda-graph": "float16",
}  # fmt: skip


@pytest.mark.gpu
def test_programs_give_on_a_gpu_what_they_give_on_the_processor(tmp_path: Path) -> None:
    found = runs_of("torch_gpu_runs.py", tmp_path, timeout_s=580, python=python_of("torch-cuda"))

    for model, of_recipes in found["models"].items():
        for recipe, run in of_recipes.items():
            assert "refused" not in run, (model, recipe, run)
            assert run["nmse"] <= (HALF if recipe in PRECISIONS else EXACT), (model, recipe)
            assert run["is_over"]
            assert 0 < run["compute_ns"] <= run["wall_ns"], (model, recipe)
    for recipe, precision in PRECISIONS.items():
        assert found["models"]["images"][recipe]["precision"] == precision
    assert found["exhausted"].startswith("out_of_memory: ")


def test_a_build_without_cuda_computes_on_no_gpu(found: Any) -> None:
    assert found["on a gpu"].startswith("missing_toolchain: PyTorch ")
    assert "is built without CUDA" in found["on a gpu"]
