"""`python -m optfarm_tasks DIR` on real models: facts, each typed failure, progress, and how it ends."""

import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.waiting import until

import optfarm_tasks
from optfarm_tasks.__main__ import failure_of
from optfarm_tasks.errors import Reason, UnsupportedOp
from optfarm_tasks.recipe import Recipe
from optfarm_tasks.result import Conversion, Inspection, Outcome, Quality
from optfarm_tasks.spec import Action, Benchmark, Convert, Evaluate, Inspect, Role, Task
from optfarm_tasks.tree import scan

MIB = 1 << 20
RANDOM = np.random.default_rng(0)


def images(count: int) -> dict[str, np.ndarray]:
    return {
        "image": RANDOM.random((count, 8, 8, 3)).astype(np.float32),
        "speed": RANDOM.random((count, 1)).astype(np.float32),
    }


@dataclass(frozen=True)
class Ended:
    """How a child ended."""

    code: int
    log: str
    outcome: Outcome | None

    def facts(self, kind: type) -> Any:
        assert self.code == 0, self.log[-3000:]
        assert self.outcome is not None
        assert isinstance(self.outcome.facts, kind)
        return self.outcome.facts

    def failure(self, reason: Reason) -> str:
        assert self.code == 1, self.log[-3000:]
        assert self.outcome is not None
        assert self.outcome.failure is not None
        assert self.outcome.failure.reason is reason, self.outcome.failure
        return self.outcome.failure.message


def lay_out(folder: Path, action: Action, **inputs: Path) -> Path:
    """A task's folder, whose inputs are links as a worker makes them."""
    for role, source in inputs.items():
        for file in [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]:
            place = folder / "inputs" / role / (file.name if source.is_file() else file.relative_to(source))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
    trees = {Role(role): scan(folder / "inputs" / role) for role in inputs}
    (folder / "task.json").write_text(Task(action=action, inputs=trees).model_dump_json())
    return folder


def run(folder: Path, *options: str, python: tuple[str, ...] = (sys.executable,), **changes: Any) -> Ended:
    """Runs the child to its end."""
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1") | changes.pop("env", {})
    command = [*python, "-m", "optfarm_tasks", *(options or (str(folder),))]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False, **changes)
    result = folder / "result.json"
    outcome = Outcome.model_validate_json(result.read_bytes()) if result.exists() else None
    return Ended(ended.returncode, ended.stdout + ended.stderr, outcome)


def convert(recipe: str) -> Convert:
    return Convert(recipe=Recipe.parse(recipe))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set for the models of two inputs, with labels."""
    folder = tmp_path_factory.mktemp("data")
    calibration = {f"calibration/{name}": array for name, array in images(40).items()}
    test = {f"test/{name}": array for name, array in images(20).items()}
    labels = {"test/labels": RANDOM.integers(0, 2, 20)}
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
    assert [str(tensor) for tensor in facts.description.signature.outputs] == ["y: int8[?, 2]"]
    assert facts.notes == {"2: tflite-int8(calibration_samples=32)": {"calibration_samples": 32}}
    assert facts.warnings == ("32 calibration samples asked for; below 64 the ranges of activations may be far off",)
    assert {path.name for path in folder.iterdir()} == {"inputs", "outputs", "result.json", "task.json"}


def test_a_variant_is_scored_against_the_baseline_and_the_labels(tmp_path: Path, tiny_models: Path, data: Path) -> None:
    folder = lay_out(
        tmp_path,
        Evaluate(),
        baseline=tiny_models / "tf_keras",
        candidate=tiny_models / "int8.tflite",
        data=data,
    )

    facts: Quality = run(folder).facts(Quality)

    assert facts.samples == 20
    assert facts.nmse is not None
    assert 0 < facts.nmse < 0.2
    assert facts.max_abs_difference is not None
    assert facts.max_abs_difference > 0
    assert facts.cosine == pytest.approx(1, abs=0.2)
    (score,) = facts.scores
    assert score.name == "top1"
    assert score.baseline is not None
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
        (write_text, "task.json is no task: it: Invalid JSON"),
        (write_other_schema, "task.json is no task: schema_version: Input should be 1"),
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


def test_an_op_without_a_kernel_is_named(tmp_path: Path, tiny_models: Path) -> None:
    ended = run(lay_out(tmp_path, convert("tflite-float32"), model=tiny_models / "maths"))

    assert ended.failure(Reason.UNSUPPORTED_OP) == "TFLite has no kernel of this kind for Igamma"
    assert not list((tmp_path / "outputs").iterdir())


def test_a_truncated_model_is_a_bad_model(tmp_path: Path, tiny_models: Path) -> None:
    cut = tmp_path / "cut.tflite"
    cut.write_bytes((tiny_models / "float32.tflite").read_bytes()[:600])

    ended = run(lay_out(tmp_path / "task", Inspect(), model=cut))

    assert "truncated or damaged" in ended.failure(Reason.BAD_MODEL)


def test_a_model_that_its_runtime_refuses_is_a_bad_model(tmp_path: Path, tiny_models: Path) -> None:
    ended = run(lay_out(tmp_path, Inspect(), model=tiny_models / "custom.tflite"))

    assert "LiteRT cannot load the model" in ended.failure(Reason.BAD_MODEL)


def test_a_keras_file_that_no_keras_loads_is_a_bad_model(tmp_path: Path, tiny_models: Path) -> None:
    broken = tmp_path / "model.h5"
    shutil.copy(tiny_models / "keras_sequential.h5", broken)
    with h5py.File(broken, "r+") as stored:
        config = str(stored.attrs["model_config"])
        stored.attrs["model_config"] = config.replace('"class_name": "Dense"', '"class_name": "Denser"')

    ended = run(lay_out(tmp_path / "task", convert("baseline"), model=broken))

    assert "no Keras loads model.h5: keras: " in ended.failure(Reason.BAD_MODEL)


@pytest.mark.parametrize("name", ["tflite-int8", "tflite-int8-float", "tflite-int16x8"])
def test_quantising_activations_without_samples_is_bad_data(tmp_path: Path, tiny_models: Path, name: str) -> None:
    ended = run(lay_out(tmp_path, convert(name), model=tiny_models / "tf_keras"))

    assert "a data set with a calibration split" in ended.failure(Reason.BAD_DATA)


def test_a_data_set_without_the_split_that_is_needed_is_bad_data(tmp_path: Path, tiny_models: Path) -> None:
    np.savez(tmp_path / "data.npz", **{f"calibration/{name}": array for name, array in images(4).items()})
    model = tiny_models / "float32.tflite"

    ended = run(lay_out(tmp_path / "task", Evaluate(), baseline=model, candidate=model, data=tmp_path / "data.npz"))

    assert "no test split" in ended.failure(Reason.BAD_DATA)


def test_data_that_does_not_fit_is_bad_data_and_both_shapes_are_told(tmp_path: Path, tiny_models: Path) -> None:
    wrong = images(4) | {"image": np.zeros((4, 9, 9, 3), np.float32)}
    np.savez(tmp_path / "data.npz", **{f"test/{name}": array for name, array in wrong.items()})
    model = tiny_models / "float32.tflite"

    ended = run(lay_out(tmp_path / "task", Evaluate(), baseline=model, candidate=model, data=tmp_path / "data.npz"))

    assert "image wants [8, 8, 3] per sample and gets [9, 9, 3]" in ended.failure(Reason.BAD_DATA)


def test_labels_that_fit_no_output_are_bad_data(tmp_path: Path, tiny_models: Path) -> None:
    named = {f"test/{name}": array for name, array in images(4).items()}
    np.savez(tmp_path / "data.npz", **named, **{"test/labels": np.zeros((4, 7))})
    model = tiny_models / "float32.tflite"

    ended = run(lay_out(tmp_path / "task", Evaluate(), baseline=model, candidate=model, data=tmp_path / "data.npz"))

    assert "labels float64 [4, 7] fit no output" in ended.failure(Reason.BAD_DATA)


@pytest.mark.parametrize("recipe", ["tflite-int8(calibration_samples=0)", "no-such-technique"])
def test_a_bad_recipe_is_a_bad_parameter(tmp_path: Path, tiny_models: Path, recipe: str) -> None:
    ended = run(lay_out(tmp_path, convert(recipe), model=tiny_models / "tf_keras"))

    ended.failure(Reason.BAD_PARAMETER)


def test_a_benchmark_reaches_the_benchmark(tmp_path: Path, tiny_models: Path) -> None:
    model = tiny_models / "float32.tflite"

    ended = run(lay_out(tmp_path, Benchmark(threads=1024), baseline=model, candidate=model))

    assert "1024 threads" in ended.failure(Reason.BAD_PARAMETER)


def test_a_missing_module_is_a_missing_toolchain(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path / "task", convert("tflite-float32"), model=tiny_models / "tf_keras")
    here = poor_interpreter(tmp_path / "packages")

    ended = run(folder, python=(sys.executable, "-S"), env={"PYTHONPATH": str(here)})

    message = ended.failure(Reason.MISSING_TOOLCHAIN)
    assert message.startswith("tflite-float32 imports tensorflow, which ")
    assert "No module named 'tensorflow'" in message


def poor_interpreter(folder: Path) -> Path:
    """A folder with what the farm itself imports, and no framework."""
    folder.mkdir()
    installed = Path(np.__file__).parents[1]
    names = ("annotated_types", "numpy", "numpy.libs", "pydantic", "pydantic_core", "typing_inspection", "yaml")
    for name in (*names, "typing_extensions.py"):
        (folder / name).symlink_to(installed / name)
    (folder / "optfarm_tasks").symlink_to(Path(optfarm_tasks.__file__).parent)
    return folder


def test_a_broken_installation_is_a_missing_toolchain(tmp_path: Path, tiny_models: Path) -> None:
    broken = tmp_path / "broken/ai_edge_litert"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libc is too old')")

    folder = lay_out(tmp_path / "task", Inspect(), model=tiny_models / "float32.tflite")
    ended = run(folder, env={"PYTHONPATH": str(broken.parent)})

    assert "libc is too old" in ended.failure(Reason.MISSING_TOOLCHAIN)


def test_want_of_memory_is_told_as_such(tmp_path: Path, tiny_models: Path) -> None:
    large = {"test/image": np.zeros((1 << 20, 8, 8, 3), np.float32), "test/speed": np.zeros((1 << 20, 1), np.float32)}
    np.savez_compressed(tmp_path / "data.npz", **large)
    model = tiny_models / "float32.tflite"
    folder = lay_out(tmp_path / "task", Evaluate(), baseline=model, candidate=model, data=tmp_path / "data.npz")

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_DATA, (640 * MIB, 640 * MIB))

    ended = run(folder, preexec_fn=confine)

    assert "Unable to allocate" in ended.failure(Reason.OUT_OF_MEMORY)


def test_whatever_else_goes_wrong_is_a_defect_of_the_farm() -> None:
    assert failure_of(KeyError("x")).reason is Reason.INTERNAL
    assert failure_of(MemoryError()).reason is Reason.OUT_OF_MEMORY
    assert failure_of(UnsupportedOp("Igamma")).reason is Reason.UNSUPPORTED_OP


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

        child.send_signal(2)

        assert child.wait(timeout=20) == 143
        assert "Traceback" not in child.stderr.read()
    assert not (folder / "result.json").exists()
