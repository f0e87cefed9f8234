"""Children that observe the ops of real models, one for each runtime that has a profiler."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.result import OpProfile
from optfarm_tasks.schema.spec import Trace
from tests.integration.children import images, lay_out, run

RUNS = 5


@pytest.fixture
def models(tiny_models: Path, exchange_models: Path) -> dict[str, Path]:
    """A model for each runtime."""
    return {
        "tensorflow": tiny_models / "tf_keras",
        "litert": tiny_models / "float32.tflite",
        "onnxruntime": exchange_models / "apart",
        "openvino": exchange_models / "linear",
    }


def slices(folder: Path) -> list[dict[str, Any]]:
    trace = json.loads((folder / "outputs/trace.json").read_text())
    return [event for event in trace["traceEvents"] if event["ph"] == "X"]


@pytest.mark.parametrize(
    ("runtime", "batch_size", "ops"),
    [
        ("tensorflow", 2, {"Conv2D", "MatMul"}),
        ("litert", 2, {"Convolution", "Fully Connected"}),
        ("onnxruntime", 1, {"MatMul"}),
        ("openvino", 2, {"FullyConnected"}),
    ],
)
def test_the_ops_of_a_model_are_traced_and_summed_up(
    runtime: str, batch_size: int, ops: set[str], tmp_path: Path, models: dict[str, Path]
) -> None:
    folder = lay_out(tmp_path, Trace(runs=RUNS, batch_size=batch_size), model=models[runtime])

    facts: OpProfile = run(folder).facts(OpProfile)

    assert (facts.runtime, facts.runs, facts.input_source) == (runtime, RUNS, "random")
    assert all(any(wanted in each.op for each in facts.ops) for wanted in ops), facts.ops
    assert facts.plain_ns > 0
    assert facts.profiled_ns > 0
    assert sum(each.total_ns for each in facts.ops) <= facts.profiled_ns
    # What takes less than a microsecond may be told as 0.
    assert sum(each.share for each in facts.ops) == pytest.approx(1 if any(each.total_ns for each in facts.ops) else 0)
    assert [path.name for path in (folder / "outputs").iterdir()] == ["trace.json"]
    assert {each["name"] for each in slices(folder)} == {each.op for each in facts.ops}
    assert len(slices(folder)) == sum(each.count for each in facts.ops)


@pytest.mark.parametrize("runtime", ["tensorflow", "litert"])
def test_a_data_set_feeds_the_model_in_batches(runtime: str, tmp_path: Path, models: dict[str, Path]) -> None:
    np.savez(tmp_path / "data.npz", **{f"test/{name}": array for name, array in images(6).items()})
    (tmp_path / "task").mkdir()
    folder = lay_out(
        tmp_path / "task", Trace(runs=RUNS, batch_size=4), model=models[runtime], data=tmp_path / "data.npz"
    )

    assert run(folder).facts(OpProfile).input_source == "data"


def test_an_op_without_a_kernel_is_told(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, Trace(), model=tiny_models / "custom.tflite")

    assert "Igamma" in run(folder).failure(Reason.BAD_MODEL)


def test_a_model_that_runs_and_cannot_be_observed_is_told(tmp_path: Path) -> None:
    found = importlib.util.find_spec("basic_pitch")
    assert found is not None, "basic-pitch is not installed: run `make setup`"
    assert found.submodule_search_locations is not None
    # The sizes of its outputs are known only when it has run, and LiteRT's C API wants them before.
    model = Path(found.submodule_search_locations[0], "saved_models/icassp_2022/nmp.tflite")

    assert "profiler" in run(lay_out(tmp_path, Trace(runs=1), model=model)).failure(Reason.UNSUPPORTED_OP)


def test_a_batch_that_the_model_does_not_take_is_told(tmp_path: Path, exchange_models: Path) -> None:
    folder = lay_out(tmp_path, Trace(batch_size=3), model=exchange_models / "linear")

    run(folder).failure(Reason.BAD_PARAMETER)


def test_a_keras_file_is_no_model_that_runs(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, Trace(), model=tiny_models / "keras_sequential.keras")

    assert "no runtime runs keras" in run(folder).failure(Reason.BAD_PARAMETER)
