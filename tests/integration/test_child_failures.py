"""Each typed failure of a child, provoked for real."""

import resource
import shutil
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import optfarm_tasks
from optfarm_tasks.__main__ import failure_of
from optfarm_tasks.errors import Reason, UnsupportedOp
from optfarm_tasks.schema.spec import Benchmark, Evaluate, Inspect, Trace
from tests.integration.children import convert, images, lay_out, run

MIB = 1 << 20


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

    assert "the model is made of 'Denser', a layer of its author's" in ended.failure(Reason.BAD_MODEL)


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


def test_a_runtime_that_does_not_run_the_model_is_refused(tmp_path: Path, tiny_models: Path) -> None:
    folder = lay_out(tmp_path, Trace(runtime="openvino"), model=tiny_models / "float32.tflite")

    assert "openvino does not run tflite on a cpu" in run(folder).failure(Reason.BAD_PARAMETER)


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
