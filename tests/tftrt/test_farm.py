"""TF-TRT on a farm whose machine seems to have GPUs: planned for each class, refused for what the toolchain lacks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.commands import Cli, farm_with_gpus


@pytest.fixture(scope="module")
def gpu_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A farm with the toolchain, on a machine that seems to have GPUs."""
    with farm_with_gpus(tmp_path_factory.mktemp("tftrt-farm"), "tf217-trt") as cli:
        yield cli


def test_a_worker_outlives_the_want_of_tensorrt_and_says_what_to_install(gpu_farm: Cli, tiny_models: Path) -> None:
    words = ("sweep", "run", str(tiny_models / "keras"), "--recipe", "tftrt", "--effort", "quick")
    receipt = gpu_farm.json(*words, "--devices", "alpha.gpu-0")
    gpu_farm.run("sweep", "watch", receipt["id"])

    tasks = [
        gpu_farm.json("task", "show", each["id"]) for each in gpu_farm.json("sweep", "show", receipt["id"])["tasks"]
    ]
    (made,) = (each for each in tasks if each["kind"] == "convert" and each["label"].startswith("tftrt"))
    assert (made["label"], made["state"]) == ("tftrt(target=8.9)", "failed")
    assert made["failure"]["reason"] == "missing_toolchain"
    assert made["failure"]["message"].startswith("TF-TRT needs TensorRT 8.6.1, and no libnvinfer.so.8.6.1 and ")
    assert {device["name"] for device in gpu_farm.json("devices") if device["is_alive"]} >= {"alpha.cpu", "alpha.gpu-0"}


def test_a_processor_is_refused_before_anything_is_sent(gpu_farm: Cli, tiny_models: Path) -> None:
    model = str(tiny_models / "keras")
    gpu_farm.run("sweep", "run", model, "--recipe", "tftrt-float16", "--devices", "alpha.cpu", "--effort", "quick")

    refused = gpu_farm.run("sweep", "run", model, "--recipe", "tftrt-float16", "--devices", "alpha.cpu")

    assert "tftrt-float16: what it makes runs on GPUs, and the device is a cpu" in refused.out + refused.err
