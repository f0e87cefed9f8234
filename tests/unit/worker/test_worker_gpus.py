"""GPUs as devices, told by the real binding over a scripted NVML."""

import os
from pathlib import Path

import pytest

from optfarm_tasks.benchmark.host import nvml
from optfarm_tasks.schema.device import DeviceKind, Inventory
from optfarm_worker.devices import gpu, named
from optfarm_worker.errors import BadSettings, NoDevice
from optfarm_worker.machine_wait import in_words
from optfarm_worker.settings import read_settings
from tests.nvml import H200, L4, TWO, ScriptedNvml

TOKEN = "of a farm"  # noqa: S105 (no farm's)
DIVIDED = {"1.mig": 1, "1.instances": "MIG-a,MIG-b", "1.instance_name": "NVIDIA H200 MIG 1g.18gb",
           "1.instance_memory": 18 << 30}  # fmt: skip


@pytest.mark.usefixtures("gpus")
def test_every_gpu_is_a_device_by_its_number_and_by_its_uuid() -> None:
    assert gpu.names() == ("gpu:0", "gpu:1")
    assert named("gpu:1") == "gpu:1"
    assert named(f"gpu:{H200}") == "gpu:1"


@pytest.mark.usefixtures("gpus")
def test_attributes_are_what_the_driver_tells_beside_the_processor() -> None:
    found = gpu.attributes("gpu:0")

    assert {key: found[key] for key in found if key not in ("cpu_model", "cores", "memory_bytes", "kernel")} == {
        "arch": os.uname().machine, "os": "linux", "gpu_name": "NVIDIA L4", "gpu_uuid": L4, "ecc": "on", "mig": "off",
        "gpu_memory_bytes": 24 << 30, "compute_capability": 8.9, "driver": "580.95.05", "cuda": "13.0",
        "power_limit_w": 72.0, "pcie_generation": 4, "pcie_width": 16, "numa_node": 0,
    }  # fmt: skip
    assert "cores" in found
    assert not {"ecc", "numa_node"} & set(gpu.attributes("gpu:1"))


def test_a_child_sees_its_gpu_alone_by_its_uuid(gpus: ScriptedNvml) -> None:
    assert gpu.environment("gpu:1") == {
        "CUDA_VISIBLE_DEVICES": H200, "CUDA_DEVICE_ORDER": "PCI_BUS_ID", nvml.LIBRARY: str(gpus.library),
    }  # fmt: skip


def test_a_task_is_told_its_gpu_which_is_the_first_that_its_child_sees(gpus: ScriptedNvml) -> None:
    del gpus
    inventory = Inventory(host="alpha", slot="gpu-1", attributes=gpu.attributes("gpu:1"), toolchains=())

    assert (inventory.kind, inventory.name) == ("gpu", "alpha.gpu-1")
    assert (inventory.spec.kind, inventory.spec.index, inventory.spec.uuid) == (DeviceKind.GPU, 0, H200)


def test_of_a_divided_gpu_each_instance_is_a_device(gpus: ScriptedNvml) -> None:
    gpus.become(TWO, DIVIDED)

    assert gpu.names() == ("gpu:0", "gpu:1-0", "gpu:1-1")
    assert named("gpu:MIG-b") == "gpu:1-1"
    assert gpu.environment("gpu:1-1")["CUDA_VISIBLE_DEVICES"] == "MIG-b"
    found = gpu.attributes("gpu:1-1")
    assert (found["gpu_name"], found["gpu_memory_bytes"], found["mig"]) == ("NVIDIA H200 MIG 1g.18gb", 18 << 30, "on")


@pytest.mark.parametrize("name", ["gpu:2", "gpu", "gpu:GPU-none", "gpu:1-0", "gpu:-1"])
@pytest.mark.usefixtures("gpus")
def test_a_gpu_that_is_not_there_is_answered_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="this machine has cpu, gpu:0, gpu:1"):
        named(name)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"fail_init": 9}, r"this machine has cpu \(the NVIDIA driver is not loaded"),
        ({"fail_init": 18}, r"this machine has cpu \(the NVIDIA driver was updated while it ran; restart"),
        ({"fail_init": 4}, r"this machine has cpu \(this user may not ask the NVIDIA driver"),
        (TWO | {"0.lost": 1}, r"this machine has cpu, gpu:1 \(it has fallen off the bus"),
        (TWO | {"fail.GetUUID": 999}, r"this machine has cpu \(the NVIDIA driver does not answer"),
        ({}, r"this machine has cpu$"),
    ],
)
def test_why_there_is_no_gpu_is_said(state: dict[str, object], said: str, gpus: ScriptedNvml) -> None:
    gpus.become(state)

    with pytest.raises(ValueError, match=said):
        named("gpu:0")


def test_a_gpu_that_was_divided_anew_is_not_taken_for_another(gpus: ScriptedNvml) -> None:
    gpus.become(TWO, DIVIDED)

    with pytest.raises(NoDevice, match="gpu:1 is not there: it was taken out, or divided anew"):
        gpu.environment("gpu:1")


def test_a_gpu_that_is_gone_or_another_is_a_fault_as_long_as_that_lasts(gpus: ScriptedNvml) -> None:
    assert gpu.fault("gpu:1") == ""

    gpus.become(TWO, {"1.lost": 1})
    assert gpu.fault("gpu:1").startswith("gpu:1 is not there: it has fallen off the bus")
    gpus.become(TWO, {"1.uuid": "GPU-other"})
    assert gpu.fault("gpu:1") == "gpu:1 is another GPU than it was (NVIDIA H200, GPU-other); start its worker again"
    gpus.become(TWO)
    assert gpu.fault("gpu:1") == ""


@pytest.mark.parametrize("mode", [2, 3])
def test_a_gpu_that_lets_no_two_processes_in_is_a_fault_with_the_way_out(mode: int, gpus: ScriptedNvml) -> None:
    gpus.become(TWO, {"1.compute_mode": mode})

    assert gpu.fault("gpu:1") == (
        "gpu:1 lets no two processes in, and in a measurement two take turns; `nvidia-smi -i 1 -c DEFAULT` has it share"
    )


def test_the_cores_are_those_near_the_gpu_that_this_process_has(gpus: ScriptedNvml) -> None:
    own = os.sched_getaffinity(0)
    gpus.become(TWO, {"0.cores": 1 << min(own), "1.cores": 1 << 63})

    assert gpu.cores("gpu:0") == {min(own)}
    assert gpu.cores("gpu:1") == own, "none of the near ones is this process's"


@pytest.mark.usefixtures("gpus")
def test_what_the_driver_refuses_is_told_by_none() -> None:
    assert [(each.index, each.instance, each.has_ecc) for each in nvml.gpus()] == [(0, None, True), (1, None, None)]


def test_processes_are_listed_once_each_with_their_memory(gpus: ScriptedNvml) -> None:
    gpus.become(TWO, {"0.processes": "4711:1048576,12", "0.graphics": "4711:1048576", "0.mps": "99:5"})

    assert [(each.pid, each.memory_bytes) for each in nvml.processes(L4)] == [(12, None), (99, 5), (4711, 1 << 20)]
    assert nvml.processes(H200) == ()


def test_processes_of_a_gpu_that_is_gone_are_none_to_be_had(gpus: ScriptedNvml) -> None:
    gpus.become({"0.uuid": L4})

    with pytest.raises(nvml.NoGpu, match="is not there any more"):
        nvml.processes(H200)


def test_strangers_are_named_with_what_they_hold(gpus: ScriptedNvml) -> None:
    gpus.become(TWO, {"0.processes": f"{os.getpid()}:3221225472,4194304"})

    mine, unseen = gpu.strangers("gpu:0")

    assert (mine.pid, mine.memory_bytes) == (os.getpid(), 3 << 30)
    assert mine.name
    assert (unseen.pid, unseen.name, unseen.memory_bytes) == (4194304, "", None)
    assert in_words([mine, unseen], "gpu:0") == (
        f"process {os.getpid()} ({mine.name}, 3072 MiB) and process 4194304 hold gpu:0"
    )


def test_settings_name_the_library_and_the_gpu(gpus: ScriptedNvml, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(nvml.LIBRARY)
    settings = read_settings(worker_token=TOKEN, nvml_library=gpus.library, device=f"gpu:{H200}")

    assert (settings.device, settings.slot) == ("gpu:1", "gpu-1")
    assert os.environ.pop(nvml.LIBRARY) == str(gpus.library)


def test_settings_that_name_no_gpu_of_this_machine_are_refused(gpus: ScriptedNvml) -> None:
    with pytest.raises(BadSettings, match=r"OPTFARM_DEVICE is 'gpu:7'; this machine has cpu, gpu:0, gpu:1"):
        read_settings(worker_token=TOKEN, nvml_library=gpus.library, device="gpu:7")


def test_a_library_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(nvml.LIBRARY, str(tmp_path / "none.so"))

    with pytest.raises(ValueError, match=r"NVML cannot be loaded: .*none.so"):
        named("gpu:0")
