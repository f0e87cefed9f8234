"""Kernels for bytes overflow on some processors: results say so, and what the farm makes for them does not.

Whether they do here depends on the machine. OpenVINO's can be made to by a switch of its own; ONNX Runtime has none.
"""

from pathlib import Path

import numpy as np
import pytest

from optfarm_tasks import instruction_sets
from optfarm_tasks.schema.result import Quality
from optfarm_tasks.schema.spec import Evaluate
from tests.integration.children import convert, lay_out, run

OLDER = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"}
"""oneDNN then takes the kernels of a processor without VNNI."""
INPUTS = np.random.default_rng(7).uniform(0.5, 1, (64, 64)).astype(np.float32)
"""Large bytes, whose products with large weights do not fit in 16 bits, two by two."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A product with ones, and its artifacts in int8."""
    from onnx import TensorProto, helper, numpy_helper, save

    place = tmp_path_factory.mktemp("overflow")
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 64])] for name in "xy"]
    weights = numpy_helper.from_array(np.ones((64, 64), np.float32), "w")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"], "product")], "ones", *ends, [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    save(model, place / "model.onnx")
    np.savez(place / "data.npz", **{"calibration/x": INPUTS, "test/x": INPUTS})
    return place


def made(folder: Path, recipe: str) -> Path:
    """The artifact of a recipe."""
    task = folder / recipe
    if not task.exists():
        laid = lay_out(task, convert(recipe), model=folder / "model.onnx", data=folder / "data.npz")
        run(laid).facts(object)
    return task / "outputs"


def scored(place: Path, folder: Path, recipe: str, env: dict[str, str]) -> Quality:
    task = lay_out(
        place, Evaluate(), baseline=folder / "model.onnx", candidate=made(folder, recipe), data=folder / "data.npz"
    )
    quality: Quality = run(task, env=env).facts(Quality)
    assert quality.instruction_sets == instruction_sets.here()
    return quality


@pytest.mark.parametrize("recipe", ["onnx-int8", "onnx-dynamic"])
def test_onnx_runtime_is_asked_for_kernels_that_do_not_overflow(tmp_path: Path, folder: Path, recipe: str) -> None:
    quality = scored(tmp_path / "task", folder, recipe, {})

    assert quality.nmse is not None
    assert quality.nmse < 0.02
    assert quality.exact_nmse is None


def test_the_fast_kernels_of_onnx_runtime_overflow_where_the_processor_is_said_to(folder: Path) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(made(folder, "onnx-int8") / "model.onnx", providers=["CPUExecutionProvider"])

    overflows = instruction_sets.overflow(instruction_sets.here())
    pairs = INPUTS[0].reshape(-1, 2).sum(axis=1)
    summed = np.minimum(pairs, 32767 / (127 * 255)) if overflows else pairs
    assert session.run(None, {"x": INPUTS})[0][0, 0] == pytest.approx(summed.sum(), rel=0.01)


def test_a_collapse_by_overflow_is_laid_on_the_processor(tmp_path: Path, folder: Path) -> None:
    quality = scored(tmp_path / "task", folder, "openvino-int8", OLDER)

    assert quality.collapsed
    assert quality.nmse is not None
    assert quality.nmse > 10
    assert quality.exact_nmse is not None
    assert quality.exact_nmse < 0.1
    assert quality.collapse_reason is not None
    assert quality.collapse_reason.startswith("the integer kernels of this processor overflow")


def test_the_same_file_is_sound_where_bytes_are_summed_in_32_bits(tmp_path: Path, folder: Path) -> None:
    quality = scored(tmp_path / "task", folder, "openvino-int8", {})

    assert quality.collapsed is instruction_sets.overflow(instruction_sets.here())
    assert (quality.exact_nmse is not None) is quality.collapsed


def test_weights_in_7_bits_are_right_on_either_processor(tmp_path: Path, folder: Path) -> None:
    older, newer = (
        scored(tmp_path / str(number), folder, "openvino-int8(overflow_fix=all)", env)
        for number, env in enumerate((OLDER, {}))
    )

    assert older.nmse == pytest.approx(newer.nmse, rel=0.01)
    assert not older.collapsed
