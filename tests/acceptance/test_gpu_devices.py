"""GPUs in a farm: `optfarm up` finds them, selectors choose them, and --all-gpus serves them from another machine."""

import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from optfarm_tasks.benchmark.host import nvml
from tests.acceptance.commands import Cli
from tests.nvml import H200, L4, TWO, ScriptedNvml
from tests.waiting import until


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ScriptedNvml:
    return ScriptedNvml(tmp_path_factory.mktemp("nvml"))


@pytest.fixture(scope="module")
def gpu_farm(library: ScriptedNvml, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A farm on a machine with two GPUs."""
    cli = Cli(tmp_path_factory.mktemp("gpu-farm"))
    cli.ok("up", "--host", "alpha", timeout_s=90, **{nvml.LIBRARY: str(library.library)})
    yield cli
    cli.ok("down", timeout_s=60)


def names_of(farm: Cli) -> set[str]:
    return {device["name"] for device in farm.json("devices") if device["is_alive"]}


def test_up_serves_every_gpu_of_the_machine_beside_its_processor(gpu_farm: Cli) -> None:
    assert names_of(gpu_farm) == {"alpha.cpu", "alpha.gpu-0", "alpha.gpu-1"}
    found = {device["name"]: device["inventory"]["attributes"] for device in gpu_farm.json("devices")}
    assert found["alpha.gpu-0"]["gpu_uuid"] == L4
    assert found["alpha.gpu-1"]["compute_capability"] == 9.0
    assert "gpu_name" not in found["alpha.cpu"]


def test_devices_and_status_name_the_gpus(gpu_farm: Cli) -> None:
    table = gpu_farm.ok("devices")

    assert "NVIDIA L4" in table
    assert "NVIDIA H200" in table
    assert "worker-gpu-1" in gpu_farm.ok("status")


@pytest.mark.parametrize("devices", ["gpu", "alpha.gpu-0", "gpu_name~h200", "compute_capability>=8.0"])
def test_what_no_runtime_computes_on_a_gpu_is_refused_before_anything_is_sent(
    devices: str, gpu_farm: Cli, tiny_models: Path
) -> None:
    model = str(tiny_models / "float32.tflite")
    refused = gpu_farm.run("sweep", "run", model, "--recipe", "baseline", "--devices", devices)

    assert refused.code == 2, refused.out
    assert refused.err == "error: nothing of this can run. baseline: no runtime runs tflite on a gpu\n"


def test_a_sweep_over_all_devices_measures_on_the_processor_and_says_what_is_left_out(
    gpu_farm: Cli, tiny_models: Path
) -> None:
    words = ("sweep", "run", str(tiny_models / "float32.tflite"), "--recipe", "baseline", "--effort", "quick")
    ended = gpu_farm.run(*words)
    assert ended.code == 0, ended.err
    (sweep_id,) = (each["id"] for each in gpu_farm.json("sweep", "list"))
    gpu_farm.ok("sweep", "watch", sweep_id)

    assert {row["device"]: row["state"] for row in gpu_farm.json("report", sweep_id)["rows"]} == {"alpha.cpu": "done"}
    assert "no runtime runs tflite on a gpu" in ended.out + ended.err


def test_all_gpus_serves_each_from_another_host_until_it_is_stopped(gpu_farm: Cli, library: ScriptedNvml) -> None:
    others = gpu_farm.start(
        "--all-gpus",
        "--host",
        "beta",
        program="optfarm-worker",
        OPTFARM_CONFIG=str(gpu_farm.folder / "optfarm.toml"),
        **{nvml.LIBRARY: str(library.library)},
    )
    until(lambda: {"beta.gpu-0", "beta.gpu-1"} <= names_of(gpu_farm), deadline_s=30)

    others.send_signal(signal.SIGINT)
    _, said = others.communicate(timeout=20)

    assert others.returncode == 0, said
    assert said.count("worker ended") == 2


def test_the_workers_of_all_gpus_end_with_their_parent_however_that_ends(gpu_farm: Cli, library: ScriptedNvml) -> None:
    others = gpu_farm.start(
        "--all-gpus",
        "--host",
        "gamma",
        program="optfarm-worker",
        OPTFARM_CONFIG=str(gpu_farm.folder / "optfarm.toml"),
        **{nvml.LIBRARY: str(library.library)},
    )
    until(lambda: {"gamma.gpu-0", "gamma.gpu-1"} <= names_of(gpu_farm), deadline_s=30)
    workers = psutil.Process(others.pid).children()

    others.kill()
    others.communicate(timeout=20)

    _, alive = psutil.wait_procs(workers, timeout=10)
    assert len(workers) == 2
    assert not alive


def test_a_gpu_that_is_lost_is_in_quarantine_until_it_is_back(gpu_farm: Cli, library: ScriptedNvml) -> None:
    def health() -> tuple[str, str]:
        found = next(each["health"] for each in gpu_farm.json("devices") if each["name"] == "alpha.gpu-1")
        return found["state"], found["reason"] or ""

    library.become(TWO, {"1.lost": 1})
    try:
        until(lambda: health()[0] == "quarantined", deadline_s=20)
        said = health()[1]
        table = gpu_farm.ok("devices")
        refused = gpu_farm.run("devices", "release", "alpha.gpu-1")
    finally:
        library.become(TWO)

    assert said.startswith("gpu:1 is not there: it has fallen off the bus")
    assert "quarantined: gpu:1 is not there: it has fallen off the bus" in " ".join(table.split())
    assert refused.code != 0
    assert "alpha.gpu-1 cannot be released, for its worker says: gpu:1 is not there" in refused.err
    until(lambda: health() == ("untested", ""), deadline_s=20)


def test_a_worker_says_which_devices_there_are(gpu_farm: Cli, library: ScriptedNvml) -> None:
    listing = gpu_farm.start("--list-devices", program="optfarm-worker", **{nvml.LIBRARY: str(library.library)})

    out, _ = listing.communicate(timeout=20)

    assert out.split() == ["cpu", "gpu:0", "gpu:1"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--all-gpus", "--device", "gpu:0"), "--all-gpus and --device exclude each other"),
        (("--device", "gpu:2"), "is 'gpu:2'; this machine has cpu, gpu:0, gpu:1"),
        (("--device", f"gpu:{H200}x"), "this machine has cpu, gpu:0, gpu:1"),
    ],
)
def test_a_device_that_cannot_be_served_is_refused(
    words: tuple[str, ...], said: str, gpu_farm: Cli, library: ScriptedNvml
) -> None:
    refused = gpu_farm.start(
        *words,
        program="optfarm-worker",
        OPTFARM_CONFIG=str(gpu_farm.folder / "optfarm.toml"),
        **{nvml.LIBRARY: str(library.library)},
    )

    _, err = refused.communicate(timeout=20)

    assert refused.returncode == 2
    assert said in err


def test_a_machine_without_gpus_says_why(gpu_farm: Cli, tmp_path: Path) -> None:
    none = ScriptedNvml(tmp_path)
    none.become({"fail_init": 9})
    refused = gpu_farm.start("--all-gpus", program="optfarm-worker", **{nvml.LIBRARY: str(none.library)})

    _, err = refused.communicate(timeout=20)

    assert refused.returncode == 2
    assert "this machine has no GPU (the NVIDIA driver is not loaded" in err
