"""A child on real models: facts, progress, what it refuses to start on, and how it ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from optfarm_tasks.schema.result import Conversion, Inspection, Quality
from optfarm_tasks.schema.spec import Evaluate, Inspect
from optfarm_tasks.schema.tree import scan
from tests.integration.children import classes, convert, images, lay_out, run
from tests.waiting import until


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set for the models of two inputs, with labels."""
    folder = tmp_path_factory.mktemp("data")
    calibration = {f"calibration/{name}": array for name, array in images(40).items()}
    test = {f"test/{name}": array for name, array in images(20).items()}
    labels = {"test/labels": classes(20)}
    np.savez(folder / "data.npz", **calibration, **test, **labels)
    return folder


def test_a_recipe_turns_a_model_into_an_artifact(tmp_path: Path, tiny_models: Path, data: Path) -> None:
    folder = lay_out(
        tmp_path,
        convert("baseline -> tflite-int8(calibration_samples=32)"),
        model=tiny_models / "keras_functional.keras",
        data=data,
    )
    (folder / "outputs").mkdir()
    (folder / "outputs/stale.tflite").write_text("of an earlier run")

    facts: Conversion = run(folder).facts(Conversion)

    assert [path.name for path in (folder / "outputs").iterdir()] == ["model.tflite"]
    assert facts.description.size_bytes == (folder / "outputs/model.tflite").stat().st_size
    assert 0 < facts.gzip_bytes < facts.description.size_bytes
    assert 0 < (facts.zstd_bytes or 0) < facts.description.size_bytes
    assert [str(tensor) for tensor in facts.description.signature.outputs] == ["y: int8[?, 2]"]
    assert facts.notes == {"2: tflite-int8(calibration_samples=32)": {"calibration_samples": 32}}
    assert facts.warnings == ("32 calibration samples asked for; below 64 the ranges of activations may be far off",)
    assert {path.name for path in folder.iterdir()} == {"inputs", "outputs", "result.json", "task.json"}


def test_a_variant_is_scored_against_the_baseline_and_the_labels(tmp_path: Path, tiny_models: Path, data: Path) -> None:
    folder = lay_out(
        tmp_path,
        Evaluate(runtime="litert"),
        baseline=tiny_models / "tf_keras",
        candidate=tiny_models / "int8.tflite",
        data=data,
    )

    facts: Quality = run(folder).facts(Quality)

    assert (facts.samples, facts.runtime) == (20, "litert")
    assert facts.nmse is not None
    assert 0 < facts.nmse < 0.2
    assert facts.max_abs_difference is not None
    assert facts.max_abs_difference > 0
    assert facts.cosine == pytest.approx(1, abs=0.2)
    assert [score.name for score in facts.scores] == ["top1", "precision_macro", "recall_macro"]
    assert all(score.baseline is not None for score in facts.scores)
    assert not facts.collapsed


def test_a_model_is_its_own_equal(tmp_path: Path, tiny_models: Path, data: Path) -> None:
    model = tiny_models / "float32.tflite"

    facts: Quality = run(lay_out(tmp_path, Evaluate(), baseline=model, candidate=model, data=data)).facts(Quality)

    assert (facts.mse, facts.nmse, facts.max_abs_difference) == (0, 0, 0)
    assert facts.cosine == pytest.approx(1)
    assert facts.scores[0].value == facts.scores[0].baseline


@pytest.mark.parametrize(
    ("model", "runtime", "outputs"),
    [
        ("tf_keras", "tensorflow", ["y: float32[?, 2]"]),
        ("keras_functional.h5", "tensorflow", ["y: float32[?, 2]"]),
        ("int8.tflite", "litert", ["y: int8[?, 2]"]),
    ],
)
def test_inspection_tells_what_files_and_runtime_know(
    tmp_path: Path, tiny_models: Path, model: str, runtime: str, outputs: list[str]
) -> None:
    source = tiny_models / model

    facts: Inspection = run(lay_out(tmp_path, Inspect(), model=source)).facts(Inspection)

    assert [str(tensor) for tensor in facts.description.signature.outputs] == outputs
    assert facts.description.ops
    assert facts.notes["runtime"] == runtime
    assert facts.sizes_bytes == {file.path: file.size_bytes for file in scan(source).files}
    assert any(each.startswith("StatefulPartitionedCall") for each in facts.outputs)
    assert facts.notes["gzip_bytes"] > 0


def test_progress_is_told_on_the_descriptor_that_is_named(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, convert("baseline"), model=tiny_models / "float32.tflite")
    reading, writing = os.pipe()

    run(folder, env={"OPTFARM_PROGRESS_FD": str(writing)}, pass_fds=(writing,)).facts(Conversion)

    os.close(writing)
    with os.fdopen(reading) as stream:
        told = [json.loads(line) for line in stream]
    assert [line["phase"] for line in told] == ["baseline", "describing"]
    assert all(0 <= line["fraction"] <= 1 for line in told)


def test_without_a_descriptor_progress_goes_to_the_log(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, convert("baseline"), model=tiny_models / "float32.tflite")

    ended = run(folder, env={"OPTFARM_PROGRESS_FD": "77"})

    assert "describing: 98%" in ended.log


def write_text(folder: Path) -> None:
    (folder / "task.json").write_text("no JSON")


def write_other_schema(folder: Path) -> None:
    (folder / "task.json").write_text('{"schema_version": 2, "action": {"kind": "inspect"}, "inputs": {}}')


def write_no_inputs(folder: Path) -> None:
    lay_out(folder, Evaluate())


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (lambda _: None, "task.json cannot be read: No such file"),
        (write_text, "task.json is no task: it is no JSON: "),
        (write_other_schema, "task.json is no task: schema_version is 2; it takes 1"),
        (write_no_inputs, "to evaluate takes inputs for baseline, candidate, data"),
    ],
)
def test_a_folder_without_a_task_is_refused_in_one_line(
    tmp_path: Path, write: Callable[[Path], None], told: str
) -> None:
    write(tmp_path)

    ended = run(tmp_path)

    assert ended.code == 2
    assert ended.outcome is None
    assert ended.log.startswith("error: ")
    assert told in ended.log
    assert ended.log.count("\n") == 1


def test_no_folder_is_told_how_to_name_one(tmp_path: Path) -> None:
    ended = run(tmp_path, "a", "b")

    assert (ended.code, ended.log) == (2, "error: usage: python -m optfarm_tasks DIR\n")


def test_a_child_that_is_told_to_end_does_so_at_once_and_leaves_no_result(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, convert("tflite-float32"), model=tiny_models / "tf_keras")
    (folder / "result.json").write_text("of an earlier run")
    command = [sys.executable, "-m", "optfarm_tasks", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
        assert child.stderr is not None
        until(lambda: not (folder / "result.json").exists(), deadline_s=20)

        child.terminate()

        assert child.wait(timeout=2) == -15
        assert b"Traceback" not in child.stderr.read()
    assert not (folder / "result.json").exists()


def test_a_child_that_is_interrupted_ends_quietly(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, convert("tflite-float32"), model=tiny_models / "tf_keras")
    command = [sys.executable, "-m", "optfarm_tasks", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        until((folder / "outputs").exists, deadline_s=20)

        child.send_signal(signal.SIGINT)

        assert child.wait(timeout=20) == 143
        assert "Traceback" not in child.stderr.read()
    assert not (folder / "result.json").exists()
