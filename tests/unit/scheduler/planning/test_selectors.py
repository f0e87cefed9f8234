"""Which devices a selector means."""

import pytest

from optfarm_scheduler.planning.selectors import select
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import Inventory

CPU = Inventory(
    host="alpha",
    slot="cpu",
    attributes={"cpu_model": "Intel Xeon 8481C", "cores": 4},
    labels={"rack": "7"},
    toolchains=(),
)
GPU = Inventory(
    host="alpha",
    slot="gpu-0",
    attributes={"gpu_name": "Tesla T4", "compute_capability": 7.5, "cores": 4},
    toolchains=(),
)
OTHER = Inventory(host="beta", slot="cpu", attributes={"cpu_model": "AMD EPYC", "cores": 2}, toolchains=())


@pytest.mark.parametrize(
    ("selector", "wanted"),
    [
        ("all", (CPU, GPU, OTHER)),
        ("cpu", (CPU, OTHER)),
        ("gpu", (GPU,)),
        ("alpha.cpu", (CPU,)),
        ("host=alpha", (CPU, GPU)),
        ("cores=2", (OTHER,)),
        ("cpu_model~xeon", (CPU,)),
        ("gpu_name~T4", (GPU,)),
        ("compute_capability>=7.5", (GPU,)),
        ("compute_capability<8", (GPU,)),
        ("cores>2", (CPU, GPU)),
        ("cores <= 2, cpu", (OTHER,)),
        ("label.rack=7", (CPU,)),
        ("cpu, host=alpha", (CPU,)),
        ("name=beta.cpu", (OTHER,)),
    ],
)
def test_a_selector_means_these_devices(selector: str, wanted: tuple[Inventory, ...]) -> None:
    assert select([selector], [OTHER, GPU, CPU]) == wanted


def test_selectors_add_up_without_doubles() -> None:
    assert select(["gpu", "host=alpha"], [OTHER, GPU, CPU]) == (CPU, GPU)


@pytest.mark.parametrize(
    "selector",
    [
        "gamma",
        "cores>4",
        "compute_capability>7.5",
        "cpu_model>=3",
        "host=gamma",
        "cores=3",
        "label.rack=8",
        "gpu,host=beta",
    ],
)
def test_a_selector_that_matches_nothing_lists_what_there_is(selector: str) -> None:
    with pytest.raises(BadParameter, match=r"alpha.gpu-0 \(Tesla T4\), beta.cpu \(AMD EPYC\)"):
        select([selector], [CPU, GPU, OTHER])


@pytest.mark.parametrize("selector", ["", "cpu,", ","])
def test_an_empty_part_is_refused(selector: str) -> None:
    with pytest.raises(BadParameter, match="has an empty part"):
        select([selector], [CPU])


def test_a_comparison_with_what_is_no_number_is_refused() -> None:
    with pytest.raises(BadParameter, match="'cores>many' compares with 'many', which is no number"):
        select(["cores>many"], [CPU])
