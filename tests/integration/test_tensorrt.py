"""Engines that TensorRT-RTX builds without a GPU: for which, in which types, and what is refused; and one that runs."""

import importlib.util
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.integration.scripts import python_of, runs_of

RTX = "tensorrt-rtx"
SEES = "TensorRT-RTX 1.7.1.116 builds for GPUs of compute capability 7.5, 8.0, 8.6, 8.9, 12.0, 12.1, and "
OPEN = "x=1x8x8x3:1x32x32x3:4x64x64x3"
REFUSED = {
    ("pitch", f"{RTX}(target=9.0)"): f"bad_parameter: {SEES}9.0 is asked for",
    ("pitch", f"{RTX}(target=3.5)"): f"bad_parameter: {SEES}3.5 is asked for",
    ("pitch", RTX): "bad_parameter: there is no GPU here to build for; name its compute capability, as in target=8.9",
    ("pitch", f"{RTX}(target=8.9, batch=128)"): "bad_parameter: batch is 128, and max_batch is 64; the engine takes",
    ("pitch", "tensorrt"): "missing_toolchain: tensorrt imports tensorrt, which ",
    (
        "squeezenet",
        f"{RTX}-bfloat16(target=7.5)",
    ): "unsupported_op: TensorRT-RTX 1.7.1.116 builds no engine of bfloat16 for compute capability 7.5: ",
    (
        "images",
        f"{RTX}-float8(target=8.6)",
    ): "unsupported_op: TensorRT-RTX 1.7.1.116 builds no engine of float8; float16 "
    "elsewhere for compute capability 8.6: ",
    (
        "open",
        f"{RTX}(target=8.9)",
    ): "bad_parameter: sizes of the input x: float32[?, ?, ?, 3] vary beside the batch, and",
    (
        "open",
        f"{RTX}(target=8.9, shapes='{OPEN.replace('1x8x8x3', '1x8x8')}')",
    ): "bad_parameter: shapes gives 1x8x8 for",
    (
        "open",
        f"{RTX}(target=8.9, shapes='{OPEN.replace('x3:', 'x4:').replace('64x3', '64x4')}')",
    ): "bad_parameter: shapes gives 1x8x8x4 for the in",
    (
        "open",
        f"{RTX}(target=8.9, shapes='{OPEN.replace('=1x', '=4x')}')",
    ): "bad_parameter: shapes of x do not rise from",
    ("open", f"{RTX}(target=8.9, shapes='{OPEN.replace('x=', 'y=')}')"): "bad_parameter: shapes names y; the inputs of",
    ("open", f"{RTX}(target=8.9, shapes='nonsense')"): "bad_parameter: tensorrt-rtx: shapes is 'nonsense'; it takes",
    ("plain", f"{RTX}(target=8.9, sparse=true)"): "nothing_to_do: tensorrt-rtx has nothing to do: none of the weights",
    ("halves", f"{RTX}-float16(target=8.9)"): "nothing_to_do: tensorrt-rtx-float16 has nothing to do: no op of the mod",
    ("integers", f"{RTX}-float16(target=8.9)"): "nothing_to_do: tensorrt-rtx-float16 has nothing to do: no op of the m",
    ("double", f"{RTX}(target=8.9)"): "unsupported_op: x is float64, and its engine would have float32 in its place",
    ("bytes", f"{RTX}(target=8.9)"): "unsupported_op: TensorRT-RTX 1.7.1.116 does not take the Add: ",
    ("words", f"{RTX}(target=8.9)"): "bad_model: TensorRT-RTX 1.7.1.116 cannot read the model: ",
    ("nonzero", f"{RTX}(target=8.9)"): "unsupported_op: TensorRT-RTX 1.7.1.116 does not take the NonZero: ",
    ("determinant", f"{RTX}(target=8.9)"): "unsupported_op: TensorRT-RTX 1.7.1.116 does not take the Det 'the_det'",
    (
        "reshaped",
        f"{RTX}(target=8.9)",
    ): "unsupported_op: the input s says a shape, which an engine has to know; give it",
    (
        "asymmetric",
        f"{RTX}(target=8.9)",
    ): "unsupported_op: TensorRT-RTX 1.7.1.116 does not take the QuantizeLinear 'rou",
    ("foreign", f"{RTX}(target=8.9)"): "unsupported_op: TensorRT-RTX 1.7.1.116 does not take the Magic 'their_magic': ",
}
PRECISIONS = {
    ("pitch", f"{RTX}(target=8.9)"): "float32",
    ("pitch", f"{RTX}(target=8.9, tf32=true)"): "float32 or TF32",
    ("pitch", f"{RTX}-float16(target=8.9)"): "float16",
    ("pitch", f"{RTX}-bfloat16(target=8.9)"): "bfloat16",
    ("pitch", f"{RTX}-int8(target=8.9, calibration_samples=8)"): "int8; float16 elsewhere",
    ("pitch", f"{RTX}-float8(target=8.9, calibration_samples=8)"): "float8; float16 elsewhere",
    ("images", f"{RTX}-int8(target=8.0, elsewhere=float32)"): "int8; float32 elsewhere",
    ("images", f"{RTX}-float8(target=8.9, elsewhere=float32)"): "float8; float32 elsewhere",
    ("halves", f"{RTX}(target=8.9)"): "float16",
    ("integers", f"{RTX}(target=8.9)"): "no floating point",
}
LOSSES = {"float16": 1e-5, "int8": 0.02, "float8": 0.05}
"""Type → the most by which a graph in it may be off."""


def with_pitch(folder: Path) -> Path:
    """A folder with a model of the pitch of sounds, which the environment of the tests has."""
    package = importlib.util.find_spec("basic_pitch")
    assert package is not None
    assert package.origin is not None
    shutil.copyfile(Path(package.origin).parent / "saved_models/icassp_2022/nmp.onnx", folder / "pitch.onnx")
    return folder


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What came of all models and recipes."""
    folder = with_pitch(tmp_path_factory.mktemp("tensorrt"))
    return runs_of("tensorrt_runs.py", folder, timeout_s=400, python=python_of("tensorrt-rtx"))


def engines(found: Any) -> dict[tuple[str, str], Any]:
    return {(name, recipe): run for name, runs in found["models"].items() for recipe, run in runs.items()}


def test_all_is_built_or_refused_for_its_reason(found: Any) -> None:
    refused = {key: run["refused"] for key, run in engines(found).items() if "refused" in run}

    assert refused.keys() == REFUSED.keys()
    assert {key: said for key, said in refused.items() if not said.startswith(REFUSED[key])} == {}


def test_an_engine_is_built_for_each_compute_capability_that_the_library_knows(found: Any) -> None:
    plain = {
        run["engine"]["compute_capability"]: run
        for (name, recipe), run in engines(found).items()
        if name == "squeezenet" and recipe.startswith(f"{RTX}(")
    }

    assert list(plain) == ["7.5", "8.0", "8.6", "8.9", "12.0", "12.1"]
    assert len({run["sha256"] for run in plain.values()}) == len(plain)


def test_the_types_of_the_graph_are_those_that_were_asked_for(found: Any) -> None:
    assert {key: engines(found)[key]["engine"]["precision"] for key in PRECISIONS} == PRECISIONS


def test_what_is_asked_of_the_builder_changes_the_engine(found: Any) -> None:
    pitch = {
        recipe: run["sha256"] for (name, recipe), run in engines(found).items() if name == "pitch" and run.get("sha256")
    }

    assert len(set(pitch.values())) == len(pitch)


def test_a_model_of_one_output_gives_the_same_bytes_again(found: Any) -> None:
    first = engines(found)["squeezenet", f"{RTX}(target=8.6)"]

    assert found["again"]["sha256"] == first["sha256"]


def test_an_engine_takes_the_batches_and_shapes_of_its_profile(found: Any) -> None:
    plain, wide, shaped = (
        engines(found)[key]["engine"]
        for key in (
            ("pitch", f"{RTX}(target=8.9)"),
            (
                "pitch",
                f"{RTX}(target=8.9, batch=4, max_batch=16, workspace_mib=256, optimization_level=5, cuda_graph=true)",
            ),
            ("open", f"{RTX}(target=8.9, shapes='{OPEN}')"),
        )
    )

    (one,), (other,) = plain["profile"].values(), wide["profile"].values()
    assert (one["min"][0], one["opt"][0], one["max"][0]) == (1, 1, 64)
    assert (other["min"][0], other["opt"][0], other["max"][0]) == (1, 4, 16)
    assert (plain["uses_cuda_graph"], wide["uses_cuda_graph"]) == (False, True)
    assert shaped["profile"] == {"x": {"min": [1, 8, 8, 3], "opt": [1, 32, 32, 3], "max": [4, 64, 64, 3]}}


def test_an_engine_is_described_as_the_model_that_it_was_built_from(found: Any) -> None:
    described = engines(found)["pitch", f"{RTX}-int8(target=8.9, calibration_samples=8)"]["description"]

    (signature,) = described["signatures"]
    assert described["format"] == "tensorrt"
    assert [each["shape"] for each in signature["inputs"]] == [[None, 43844, 1]]
    assert [each["shape"][1:] for each in signature["outputs"]] == [[172, 88], [172, 88], [172, 264]]
    assert described["parameters"] > 16_000
    assert described["ops"]["Conv"] == 32


def test_what_is_written_in_other_types_computes_nearly_the_same(found: Any) -> None:
    assert {kind: loss for kind, loss in found["agreements"]["images"].items() if not loss < LOSSES[kind]} == {}


def test_what_onnx_keeps_in_float32_and_what_branches_take_stays_as_it_is(found: Any) -> None:
    odd = found["narrowed"]

    assert max(odd["differences"]) < 0.02
    assert odd["computed"] == {"Mul": 1, "Resize": 1, "ReduceMean": 1, "Greater": 1, "Cast": 1, "Add": 1}
    assert odd["left"] == {}


def test_scales_that_float16_is_too_coarse_for_stay_in_float32(found: Any) -> None:
    run = engines(found)["faint", f"{RTX}-int8(target=8.9)"]

    (warning,) = run["warnings"]
    assert warning.startswith("float16 does not hold the numbers of ")
    assert run["notes"]["in_float32"]["QuantizeLinear"] > 0
    assert found["agreements"]["faint"]["int8"] < LOSSES["int8"]


def test_what_cannot_be_held_or_computed_as_it_is_is_said(found: Any) -> None:
    large, inside = (
        engines(found)[key]["warnings"]
        for key in (("large", f"{RTX}-float16(target=8.9)"), ("double_inside", f"{RTX}(target=8.9)"))
    )

    assert large == ["float16 does not hold the numbers of w, so that what takes it stays in float32"]
    assert engines(found)["large", f"{RTX}-bfloat16(target=8.9)"]["warnings"] == []
    assert inside == ["2 values of float64 are computed in float32, such as d"]


def test_ranges_need_samples(found: Any) -> None:
    assert found["without data"]["refused"].startswith("bad_data: quantising activations takes a data set with a calib")


def test_an_engine_is_refused_wherever_it_was_not_built_for(found: Any) -> None:
    said = found["reading"]

    assert said["on the CPU"] == "bad_parameter: the tensorrt runtime computes on gpu, and the device is a cpu"
    assert said["of an older version"].startswith(
        "bad_parameter: the engine was built by TensorRT-RTX 1.0.0, and here is"
    )
    assert said["of the other library"].startswith("missing_toolchain: an engine of TensorRT imports tensorrt, which")
    assert said["on another capability"] == (
        "bad_parameter: the engine was built for GPUs of compute capability 8.9, and here is A10 of 8.6; build it anew"
    )
    assert said["on another GPU of the capability"].startswith("bad_parameter: the engine was built for L40 of compute")
    assert said["on its GPU"] == "taken"


@pytest.mark.gpu
def test_engines_run_on_the_gpu_that_they_were_built_for(tmp_path: Path) -> None:
    found = runs_of("tensorrt_gpu_runs.py", with_pitch(tmp_path), timeout_s=400, python=python_of("tensorrt-rtx"))

    for recipe, run in found["runs"].items():
        assert run["nmse"] < run["tolerance"], recipe
        assert 0 < run["compute_ns"] < run["wall_ns"], recipe
        assert run["is_over"], recipe
    assert found["runs"]["tensorrt-rtx(cuda_graph=true)"]["precision"] == "float32; CUDA graph"
    assert found["larger"].startswith("bad_parameter: the input ")
    assert found["damaged"].startswith("bad_model: ")
    assert found["layers"]
