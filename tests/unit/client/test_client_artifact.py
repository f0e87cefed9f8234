"""Which artifact is meant by a recipe: the one that it made, or of several the one for a device."""

from typing import TYPE_CHECKING, cast

import pytest

from optfarm.cli.artifact import chosen
from optfarm.errors import BadRequest, NotFound
from optfarm.report import Report
from tests.unit.reports import report, row

if TYPE_CHECKING:
    from optfarm.farm import Farm

L4, TWIN, A10 = "alpha.gpu-0", "beta.gpu-0", "alpha.gpu-1"
ENGINES = Report(
    report(
        row("baseline", device=L4),
        row("tensorrt-rtx", device=L4, artifact="b" * 64),
        row("tensorrt-rtx", device=TWIN, artifact="b" * 64),
        row("tensorrt-rtx", device=A10, artifact="c" * 64),
        row("onnx", device=L4),
        row("onnx", device=A10),
    ),
    api=cast("Farm", None),
)


def test_a_recipe_that_made_one_artifact_is_enough() -> None:
    assert chosen(ENGINES, "onnx").facts.artifact == "a" * 64


@pytest.mark.parametrize(("device", "artifact"), [(L4, "b"), (TWIN, "b"), (A10, "c")])
def test_of_engines_the_one_for_a_device_is_meant(device: str, artifact: str) -> None:
    assert chosen(ENGINES, "tensorrt-rtx", device=device).facts.artifact == artifact * 64


def test_an_engine_is_not_taken_for_that_of_another_gpu() -> None:
    with pytest.raises(BadRequest, match=f"name one of {L4}, {TWIN}, {A10}: --device NAME"):
        chosen(ENGINES, "tensorrt-rtx")
    with pytest.raises(NotFound, match=r"tensorrt-rtx has no artifact for alpha.cpu; it has some for alpha.gpu-0, "):
        chosen(ENGINES, "tensorrt-rtx", device="alpha.cpu")


def test_a_recipe_that_was_not_asked_for_is_refused_with_those_that_were() -> None:
    with pytest.raises(NotFound, match="has no artifact of 'openvino'; it has baseline, tensorrt-rtx, onnx"):
        chosen(ENGINES, "openvino")
