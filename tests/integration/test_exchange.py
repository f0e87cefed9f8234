"""ONNX and OpenVINO models run, are converted and are refused in children, as a worker would have it."""

from pathlib import Path

import numpy as np
import pytest

from optfarm_tasks.description import Format
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.result import Conversion, Inspection
from optfarm_tasks.schema.spec import Inspect
from tests.integration.children import classes, convert, images, lay_out, run


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples for the models of two inputs, with labels."""
    folder = tmp_path_factory.mktemp("data")
    arrays = {f"calibration/{name}": array for name, array in images(40).items()}
    np.savez(folder / "data.npz", **arrays, **{"calibration/labels": classes(40)})
    return folder


@pytest.mark.parametrize(
    ("name", "runtime", "ends"),
    [("apart", "onnxruntime", ("y",)), ("linear", "openvino", ("MatMul", "Add"))],
)
def test_inspecting_a_model_tells_what_its_engine_makes_of_it(
    name: str, runtime: str, ends: tuple[str, ...], tmp_path: Path, exchange_models: Path
) -> None:
    facts = run(lay_out(tmp_path, Inspect(), model=exchange_models / name)).facts(Inspection)

    assert (facts.notes["runtime"], facts.notes["precision"]) == (runtime, "float32")
    assert [str(tensor) for tensor in facts.description.signature.inputs] == facts.notes["inputs"]
    assert [str(tensor) for tensor in facts.description.signature.outputs] == facts.notes["outputs"]
    assert len(facts.outputs) == len(ends)
    assert all(end.startswith(start) for end, start in zip(sorted(facts.outputs, reverse=True), ends, strict=True))


@pytest.mark.parametrize(
    ("name", "told"),
    [("branching.onnx", "Fold"), ("truncated.onnx", "truncated or damaged")],
)
def test_a_model_that_no_engine_takes_is_a_bad_model(
    name: str, told: str, tmp_path: Path, exchange_models: Path
) -> None:
    model = tmp_path / "model.onnx"
    model.write_bytes((exchange_models / "branching.onnx").read_bytes()[: 300 if "truncated" in name else None])

    assert told in run(lay_out(tmp_path / "task", Inspect(), model=model)).failure(Reason.BAD_MODEL)


@pytest.mark.parametrize("recipe", ["onnx -> onnx-int8", "onnx -> openvino-int8"])
def test_a_chain_keeps_the_names_of_several_inputs(recipe: str, tmp_path: Path, tiny_models: Path, data: Path) -> None:
    folder = lay_out(tmp_path, convert(recipe), model=tiny_models / "keras_functional.keras", data=data)
    facts = run(folder).facts(Conversion)

    signature = facts.description.signature
    assert {tensor.name for tensor in signature.inputs} == {"image", "speed"}
    assert [tensor.name for tensor in signature.outputs] == ["y"]
    assert facts.notes[f"2: {recipe.partition('-> ')[2]}"]["calibration_samples"] == 40


def test_an_accuracy_limit_is_kept_on_the_labels(tmp_path: Path, tiny_models: Path, data: Path) -> None:
    recipe = "openvino-int8-accuracy(max_drop=0.05)"
    folder = lay_out(tmp_path, convert(recipe), model=tiny_models / "tf_keras", data=data)
    facts = run(folder).facts(Conversion)

    notes = facts.notes[recipe]
    assert facts.description.format is Format.OPENVINO
    assert (notes["measured_by"], notes["validation_samples"]) == ("top1", 40)
    assert notes["loss"] <= 0.05


@pytest.mark.parametrize("recipe", ["onnx", "openvino", "onnx-float16"])
def test_an_op_without_a_counterpart_is_named(recipe: str, tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, convert(recipe), model=tiny_models / "maths")

    assert "Igamma" in run(folder).failure(Reason.UNSUPPORTED_OP)


def test_a_model_without_products_is_not_quantised_in_vain(tmp_path: Path, exchange_models: Path) -> None:
    (tmp_path / "task").mkdir()
    folder = lay_out(tmp_path / "task", convert("onnx-dynamic -> onnx-dynamic"), model=exchange_models / "apart")

    message = run(folder).failure(Reason.NOTHING_TO_DO)

    assert message.startswith("onnx-dynamic has nothing to do: nothing of the model was quantised")
    assert "it has no MatMul, Gemm with constant weights" in message
