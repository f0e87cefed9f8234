"""Each variant of a benchmark gets the runtime that was asked for; a baseline that it does not run gets its own."""

from pathlib import Path

import pytest

from optfarm_tasks.benchmark.analysis.pairs import AMOUNTS
from optfarm_tasks.benchmark.controller.paired_scenarios import variant_of
from optfarm_tasks.benchmark.controller.turns import PairSetup
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import DeviceKind, DeviceSpec
from optfarm_tasks.schema.spec import Effort, Role


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    (tmp_path / "model.tflite").touch()
    return tmp_path


def test_a_candidate_runs_as_wanted_or_not_at_all(artifact: Path) -> None:
    assert variant_of(Role.CANDIDATE, artifact, wanted="litert").runtime == "optfarm_tasks.runtimes.litert"
    with pytest.raises(BadParameter, match="the runtime openvino does not run tflite"):
        variant_of(Role.CANDIDATE, artifact, wanted="openvino")


def test_a_baseline_runs_all_the_same(artifact: Path) -> None:
    assert variant_of(Role.BASELINE, artifact, wanted="openvino").runtime == "optfarm_tasks.runtimes.litert"


def test_a_process_is_given_the_device_of_its_task(artifact: Path) -> None:
    sides = variant_of(Role.BASELINE, artifact), variant_of(Role.CANDIDATE, artifact)
    gpu = DeviceSpec(kind=DeviceKind.GPU, index=1)
    bench = PairSetup(sides, cores=(0,), threads=1, batch_size=1, seed=0, amount=AMOUNTS[Effort.QUICK], device=gpu)

    assert DeviceSpec.model_validate(bench.load_command(0).device) == gpu
