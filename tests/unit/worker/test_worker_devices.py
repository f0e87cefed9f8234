"""Every kind of device that a worker serves keeps the same contract."""

import os

import pytest

from optfarm_tasks.schema.device import Inventory
from optfarm_worker.devices import cpu, kind_of, kinds, named

NAMES = [name for kind in kinds() for name in kind_of(kind).names()]
"""Of this machine."""


@pytest.mark.parametrize("name", NAMES)
def test_a_device_is_what_its_slot_says(name: str) -> None:
    inventory = Inventory(host="alpha", slot=name.replace(":", "-"), attributes={}, toolchains=())

    assert inventory.kind == name.partition(":")[0]
    assert inventory.kind in kinds()


@pytest.mark.parametrize("name", NAMES)
def test_attributes_are_what_a_selector_needs_and_stay_the_same(name: str) -> None:
    found = kind_of(name).attributes(name)

    assert {"cpu_model", "cores", "memory_bytes", "arch", "kernel", "os"} <= set(found)
    assert found == kind_of(name).attributes(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_child_sees_no_device_but_its_own(name: str) -> None:
    assert "CUDA_VISIBLE_DEVICES" in kind_of(name).environment(name)


def test_a_child_on_the_processor_sees_no_gpu() -> None:
    assert cpu.environment("cpu")["CUDA_VISIBLE_DEVICES"] == "-1"


@pytest.mark.parametrize("name", NAMES)
def test_it_is_served_under_its_name_from_cores_of_this_process(name: str) -> None:
    assert named(name) == name
    assert kind_of(name).absence(name) == ""
    assert kind_of(name).cores(name) <= os.sched_getaffinity(0)


@pytest.mark.parametrize("name", ["gpu:99", "cpu:0", "cpu-0", "tpu", "", "../cpu", "__init__"])
def test_a_device_that_is_not_there_is_answered_with_those_that_are(name: str) -> None:
    with pytest.raises(ValueError, match="this machine has cpu"):
        named(name)


@pytest.mark.parametrize(
    ("text", "name"),
    [("processor: 0\nmodel name\t: Some CPU\n\nmodel name: Other", "Some CPU"), ("Model : Pi 5", "Pi 5"), ("", None)],
)
def test_a_processor_is_called_as_it_calls_itself(text: str, name: str | None) -> None:
    assert cpu.cpu_model(text) == name
