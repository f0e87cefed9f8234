"""Engines of TF-TRT are made on the class of GPUs that runs them, by the one TensorFlow that has it."""

import pytest

from optfarm_scheduler.errors import Refused
from optfarm_scheduler.planning.toolchains import offered
from optfarm_tasks.description import Format
from optfarm_tasks.schema.device import Inventory, Toolchain
from optfarm_tasks.schema.spec import Benchmark, Convert, Kind
from tests.unit.planning import VERSIONS, data, device, model, planned

OWN = {"tensorflow": "2.17.1", "optfarm": "0.1.0"}
TOOLCHAIN = Toolchain(
    name="tf217-trt",
    python="python",
    versions=OWN,
    techniques=("baseline", "fixed-batch", "tftrt", "tftrt-float16", "tftrt-int8"),
    runtimes=("tensorflow", "tftrt"),
)


def with_both(name: str, *gpu: str | float) -> Inventory:
    """A device whose worker has the default toolchain, without TF-TRT, and that of TF-TRT."""
    found = device(name, gpu=(str(gpu[0]), float(gpu[1])) if gpu else None)
    (every,) = found.toolchains
    techniques = tuple(each for each in every.techniques if not each.startswith("tftrt"))
    runtimes = tuple(each for each in every.runtimes if each != "tftrt")
    default = every.model_copy(update={"techniques": techniques, "runtimes": runtimes, "versions": VERSIONS})
    return found.model_copy(update={"toolchains": (default, TOOLCHAIN)})


CPU, L4, T4 = with_both("a.cpu"), with_both("a.gpu-0", "NVIDIA L4", 8.9), with_both("b.gpu-0", "NVIDIA T4", 7.5)


def test_each_class_of_gpus_has_its_own_conversion_there_and_is_timed_by_the_toolchain_that_has_it() -> None:
    made = planned("tftrt-int8(batch=8)", alive=(CPU, L4, T4), devices=("gpu",), given=data("calibration", "test"))

    ours = [task for task in made.tasks if str(task.recipe).startswith("tftrt")]
    conversions = [task for task in ours if task.kind is Kind.CONVERT]
    assert [str(task.action.recipe) for task in conversions if isinstance(task.action, Convert)] == [
        "tftrt-int8(batch=8, target=8.9)",
        "tftrt-int8(batch=8, target=7.5)",
    ]
    assert [task.identity for task in conversions] == ["NVIDIA L4 8.9", "NVIDIA T4 7.5"]
    assert [[each.name for each in (CPU, L4, T4) if offered(each, task.needs)] for task in conversions] == [
        ["a.gpu-0"],
        ["b.gpu-0"],
    ]
    for task in ours:
        (there,) = (each for each in (L4, T4) if offered(each, task.needs))
        assert offered(there, task.needs) == TOOLCHAIN
        assert not offered(CPU, task.needs)
    timed = [task.action for task in ours if isinstance(task.action, Benchmark)]
    assert {action.batch_size for action in timed} == {8}


@pytest.mark.parametrize("devices", [("all",), ("cpu",)])
def test_a_farm_without_a_gpu_refuses_it_before_anything_is_sent(devices: tuple[str, ...]) -> None:
    made = planned("freeze", "tftrt", alive=(CPU,), devices=devices)

    (skipped,) = made.skipped
    assert str(skipped.recipe) == "tftrt"
    assert "runs on GPUs, and the device is a cpu" in skipped.reason


def test_a_gpu_whose_worker_has_the_default_toolchain_alone_lacks_it() -> None:
    bare = L4.model_copy(update={"toolchains": L4.toolchains[:1]})

    with pytest.raises(Refused, match=r"tftrt: no technique tftrt on a\.gpu-0"):
        planned("tftrt", alive=(bare,), devices=("gpu",))


def test_what_has_engines_already_is_refused_as_an_original() -> None:
    with pytest.raises(Refused, match=r"baseline takes .*; what reaches it is tftrt"):
        planned("baseline", alive=(L4,), on=model(Format.TFTRT))
