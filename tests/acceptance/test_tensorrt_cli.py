"""Engines on a farm whose machine seems to have GPUs: built for each in the sandbox, by the toolchain tensorrt-rtx."""

import importlib.util
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from optfarm.farm import Farm
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.sweep import SweepSpec, Tracing
from tests.acceptance.commands import Cli, farm_with_gpus


@pytest.fixture(scope="module")
def gpu_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A farm with the toolchain, on a machine that seems to have GPUs."""
    with farm_with_gpus(tmp_path_factory.mktemp("engines"), "tensorrt-rtx") as cli:
        yield cli


@pytest.fixture(scope="module")
def pitch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the pitch of sounds, which the environment of the tests has."""
    package = importlib.util.find_spec("basic_pitch")
    assert package is not None
    assert package.origin is not None
    file = tmp_path_factory.mktemp("pitch") / "pitch.onnx"
    shutil.copyfile(Path(package.origin).parent / "saved_models/icassp_2022/nmp.onnx", file)
    return file


def observed(cli: Cli, model: Path, recipe: str, device: str) -> dict[str, Any]:
    """Kind → how each task ended of observing what a recipe makes on a device."""
    settings = tomllib.loads((cli.folder / "optfarm.toml").read_text())
    with Farm(settings["url"], settings["token"]) as farm:
        digest = farm.push_model(model).digest
        spec = SweepSpec(model=digest, recipes=(Recipe.parse(recipe),), devices=(device,), trace=Tracing(runs=1))
        sweep = farm.submit(spec)
        *_, last = sweep.follow()
    return {task.kind: cli.json("task", "show", task.id) for task in last.tasks}


def test_an_engine_is_built_for_the_gpu_that_is_to_run_it_and_refused_where_there_is_none(
    gpu_farm: Cli, pitch: Path
) -> None:
    ended = observed(gpu_farm, pitch, "tensorrt-rtx-float16", "alpha.gpu-0")

    built, ran = ended["convert"], ended["profile"]
    assert built["state"] == "done", built
    (notes,) = built["result"]["facts"]["notes"].values()
    assert (built["label"], notes["compute_capability"]) == ("tensorrt-rtx-float16(target=8.9)", "8.9")
    assert built["result"]["facts"]["description"]["format"] == "tensorrt"
    assert ran["state"] == "failed"
    assert ran["failure"]["message"].startswith("CUDA finds no GPU here: cudaGetDeviceProperties: ")


def test_a_gpu_that_the_library_does_not_build_for_is_named(gpu_farm: Cli, pitch: Path) -> None:
    ended = observed(gpu_farm, pitch, "tensorrt-rtx", "alpha.gpu-1")

    failure = ended["convert"]["failure"]
    assert failure["reason"] == "bad_parameter"
    assert failure["message"].endswith("and 9.0 is asked for")


def test_an_engine_is_not_offered_to_a_processor(gpu_farm: Cli, pitch: Path) -> None:
    words = ("sweep", "run", str(pitch), "--recipe", "tensorrt-rtx", "--devices", "alpha.cpu")

    refused = gpu_farm.run(*words)

    assert refused.code == 2
    assert "tensorrt-rtx: what it makes runs on GPUs, and the device is a cpu" in refused.err


def test_an_engine_has_beside_it_what_it_is_for_and_is_refused_without(
    gpu_farm: Cli, pitch: Path, tmp_path: Path
) -> None:
    task = observed(gpu_farm, pitch, "tensorrt-rtx-float16", "alpha.gpu-0")["convert"]
    files = {file["path"] for file in task["result"]["outputs"]["files"]}
    assert files == {"model.engine", "model.json"}
    (tmp_path / "model.engine").write_bytes(b"vtrt")

    refused = gpu_farm.run("model", "push", str(tmp_path / "model.engine"))

    assert refused.code == 2
    assert "lies without model.json, which says what GPU it is for" in refused.err
