"""Tasks of a worker that serves a GPU: pinned to it, begun while it is idle, handed back when it is gone."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.waiting import Waiting, WaitsFor
from tests.integration.programs import SUCCEEDS
from tests.integration.worker_farm import Farm, worker_farm
from tests.nvml import H200, L4, TWO, ScriptedNvml
from tests.waiting import until

TELLS = SUCCEEDS.replace('"made"', "json.dumps(dict(__import__('os').environ))")
"""Its output is its environment."""


@pytest.fixture
def farm(gpus: ScriptedNvml, tmp_path: Path) -> Iterator[Farm]:
    """A worker of the second GPU."""
    with worker_farm(tmp_path, device=f"gpu:{H200}", nvml_library=gpus.library, idle_wait_s=10) as made:
        yield made


def waits_of(farm: Farm, task_id: str) -> list[Waiting]:
    told = [beat.progress for beat in farm.desk.beats[task_id] if beat.progress]
    return [progress.waiting for progress in told if progress.waiting]


def test_the_child_sees_its_gpu_alone(farm: Farm) -> None:
    farm.offer("t1", TELLS)

    farm.carry_out("t1")

    result = farm.desk.finishes["t1"].result
    assert result is not None
    (made,) = result.outputs.files
    seen = json.loads((farm.store.folder / made.sha256).read_text())
    assert result.device == "alpha.gpu-1"
    assert seen["CUDA_VISIBLE_DEVICES"] == H200
    assert "OPTFARM_WORKER_TOKEN" not in seen


def test_a_task_waits_for_a_stranger_and_says_whose_the_gpu_is(farm: Farm, gpus: ScriptedNvml) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        gpus.become(TWO, {"1.processes": f"{stranger.pid}:{7 << 30}"})
        farm.offer("t1", SUCCEEDS)
        thread = farm.start("t1")
        until(lambda: waits_of(farm, "t1"), deadline_s=10)
        assert not farm.children()

        gpus.become(TWO, {"0.processes": str(stranger.pid)})
        thread.join(20)
        stranger.communicate(b"\n")

    waiting = waits_of(farm, "t1")[0]
    (holder,) = waiting.holders
    assert waiting.reason is WaitsFor.MACHINE
    assert waiting.message == f"process {stranger.pid} ({holder.name}, 7168 MiB) holds gpu:1"
    assert (holder.pid, holder.memory_bytes) == (stranger.pid, 7 << 30)
    until(lambda: "t1" in farm.desk.finishes, deadline_s=10)
    assert farm.desk.finishes["t1"].result is not None


def test_a_stranger_that_stays_has_the_task_handed_back(gpus: ScriptedNvml, tmp_path: Path) -> None:
    with worker_farm(tmp_path, device="gpu:1", nvml_library=gpus.library, idle_wait_s=0.3) as farm:
        gpus.become(TWO, {"1.graphics": f"{os.getpid()}"})
        farm.offer("t1", SUCCEEDS)

        farm.carry_out("t1")

    failure = farm.desk.finishes["t1"].failure
    assert failure is not None
    assert failure.reason is Reason.WORKER_LOST
    assert failure.message.startswith(f"for 0 s process {os.getpid()} (")
    assert failure.message.endswith(" holds gpu:1")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (TWO | {"1.lost": 1}, "gpu:1 is not there: it has fallen off the bus"),
        ({"0.uuid": L4}, "gpu:1 is not there: it was taken out, or divided anew (MIG)"),
        ({"fail_init": 9}, "gpu:1 is not there: the NVIDIA driver is not loaded"),
    ],
)
def test_a_task_whose_gpu_is_gone_is_handed_back_with_the_reason(
    state: dict[str, object], said: str, farm: Farm, gpus: ScriptedNvml
) -> None:
    gpus.become(state)
    farm.offer("t1", SUCCEEDS)

    farm.carry_out("t1")

    failure = farm.desk.finishes["t1"].failure
    assert failure is not None
    assert failure.reason is Reason.WORKER_LOST
    assert failure.message.startswith(said)
