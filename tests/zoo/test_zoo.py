"""Models that people bring work with every technique, or are refused for the true reason.

Here are those that are quick; `make zoo` runs every technique on every model, and writes docs/zoo.md.
"""

from typing import Any

import pytest

from tests.zoo import pool
from tests.zoo.entries import ENTRIES
from tests.zoo.recipes import QUICK
from tests.zoo.running import gather

gather()
pytestmark = pytest.mark.timeout(1200)
FILES = sorted(name for name, entry in ENTRIES.items() if "keras_file" in entry.tags)
RECORDED = [name for name, entry in ENTRIES.items() if "recorded" in entry.tags]
GRAPHS = sorted(set(ENTRIES) - set(FILES) - set(RECORDED))
TAUGHT = ("recorded_images_keras_2_2_4_h5", "recorded_images_tf_2_12_keras", "recorded_images_newest_keras")
"""Models of the oldest and the newest Keras, and of the one that saved HDF5 under .keras."""
ONCE_WRONG = {
    ("any_size", "tflite-float32"): "done",
    ("attention_tf_keras", "tflite-int16x8"): "refused",
    ("branches", "openvino-int8"): "refused",
    ("custom_layer", "baseline"): "refused",
    ("empty_part", "fixed-batch(batch=1) -> tflite-float32"): "done",
    ("empty_part", "openvino-int8"): "done",
    ("empty_part", "tflite-float32"): "done",
    ("echo", "openvino-bfloat16"): "refused",
    ("echo", "openvino-int8"): "refused",
    ("float64_h5", "prune(epochs=1, min_weights=256)"): "done",
    ("float64_h5", "prune-2-4(epochs=1, min_weights=256)"): "refused",
    ("grouped", "onnx"): "done",
    ("layer_norms", "onnx"): "done",
    ("lambda_h5", "mixed-precision"): "done",
    ("looked_up_words", "prune(epochs=1, min_weights=256)"): "done",
    ("masked_embedding", "mixed-precision"): "done",
    ("masked_embedding", "onnx-dynamic(ops=all)"): "done",
    ("mixed_bfloat16", "onnx"): "refused",
    ("mixed_float16", "qat(epochs=1)"): "refused",
    ("named_outputs", "prune(epochs=1, min_weights=256)"): "done",
    ("noise_layers", "onnx-int8"): "done",
    ("onnx_double", "onnx-dynamic"): "refused",
    ("onnx_double", "onnx-float16"): "refused",
    ("onnx_double", "onnx-int8"): "refused",
    ("onnx_double", "openvino-int8"): "refused",
    ("onnx_halves", "onnx-dynamic"): "refused",
    ("onnx_lstm", "openvino-int8"): "done",
    ("onnx_newest", "onnx-int8"): "done",
    ("onnx_of_newer_ir", "baseline"): "refused",
    ("onnx_of_newer_opset", "baseline"): "refused",
    ("onnx_tied", "onnx-dynamic"): "done",
    ("onnx_tied", "onnx-int8"): "done",
    ("onnx_vector_scale", "openvino-float16"): "refused",
    ("onnx_old", "onnx-int8"): "done",
    ("operations", "truncate"): "refused",
    ("pilot", "qat(epochs=1)"): "done",
    ("regularised", "pqat(epochs=1, min_weights=256)"): "done",
    ("same_output_twice", "tflite-float32 -> openvino"): "done",
    ("scalars", "openvino-int8"): "done",
    ("simple_rnn", "mixed-precision"): "done",
    ("stateful", "tflite-int8"): "refused",
    ("stateful", "truncate"): "refused",
    ("stateful_h5", "qat(epochs=1)"): "done",
    ("classes_as_integers", "prune(epochs=1, min_weights=256)"): "done",
    ("convnext", "qat(epochs=1)"): "done",
    ("fixed_batch_of_4", "openvino-int8"): "done",
    ("fixed_batch_of_4", "openvino-int8-accuracy"): "done",
    ("handed_on", "openvino"): "done",
    ("tflite_handed_on", "onnx"): "done",
    ("tflite_signatures", "onnx"): "refused",
    ("tflite_sparse", "baseline"): "done",
    ("tflite_sparse", "onnx"): "refused",
    ("tflite_sparse", "openvino"): "refused",
    ("tflite_state", "openvino"): "refused",
    ("unrolled", "openvino-compress-weights"): "done",
    ("unrolled", "qat(epochs=1)"): "done",
    **{(name, "baseline"): "done" for name in RECORDED},
    **{(name, recipe): "done" for name in TAUGHT for recipe in ("prune(epochs=1, min_weights=256)", "qat(epochs=1)")},
    **{(name, "baseline"): "done" for name in FILES if name.startswith("names_")},
}
"""Pairs that ended otherwise before they were mended → what they are."""
PAIRS = sorted(
    {
        *((model, recipe) for model in GRAPHS for recipe in QUICK),
        *((model, "baseline") for model in FILES[::8]),
        *ONCE_WRONG,
    }
)
"""Models that need no export run many techniques in the time in which one Keras file is loaded."""

Answers = dict[pool.Pair, dict[str, Any]]


@pytest.fixture(scope="module")
def answers() -> Answers:
    """The verdict on every pair."""
    found: Answers = {}

    def keep(answer: dict[str, Any]) -> None:
        found[answer["model"], answer["recipe"]] = answer

    pool.judged(PAIRS, workers=1, limit_s=120, on_answer=keep)
    return found


def test_there_are_enough_of_them() -> None:
    assert len(ENTRIES) >= 60
    assert len(PAIRS) >= 400


@pytest.mark.parametrize(("model", "recipe"), PAIRS)
def test_it_is_done_rightly_or_refused_for_the_true_reason(model: str, recipe: str, answers: Answers) -> None:
    answer = answers[model, recipe]

    assert answer["word"] in ("done", "refused"), answer["detail"]


@pytest.mark.parametrize(("model", "recipe"), ONCE_WRONG)
def test_what_was_mended_stays_so(model: str, recipe: str, answers: Answers) -> None:
    assert answers[model, recipe]["word"] == ONCE_WRONG[model, recipe], answers[model, recipe]["detail"]
