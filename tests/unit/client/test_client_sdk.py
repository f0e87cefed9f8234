"""What a script does with a farm and a report: texts are taken whole, ties are told, nothing is printed."""

import json
import subprocess
import sys
from typing import Any

import pytest

from optfarm import Farm
from optfarm.errors import BadRequest
from optfarm.report import Report
from optfarm_tasks.schema.measurement import Ratio
from optfarm_tasks.schema.sweep import Row, SweepReceipt
from tests.unit.reports import measurement, quality, report, row
from tests.unit.scheduler_stub import Answer, Asked, serving

RECEIPT = SweepReceipt(id="abc", tasks=2, cached=0, devices=("alpha.cpu",), skipped=())


def submitted(**settings: Any) -> dict[str, Any]:
    """What a sweep with these settings asks the scheduler for."""

    def answer(_: Asked) -> Answer:
        return Answer(200, RECEIPT.model_dump_json().encode())

    with serving(answer) as stub, Farm(stub.url) as farm:
        farm.sweep("model", **settings)
        found: dict[str, Any] = json.loads(stub.asked[-1].body)
    return found


def test_one_text_is_one_technique_or_several_but_never_letters() -> None:
    assert submitted(techniques="tflite-int8")["recipes"] == ["tflite-int8"]
    assert submitted(techniques="baseline, prune(sparsity=0.5, epochs=1) -> tflite-int8")["recipes"] == [
        "baseline",
        "prune(sparsity=0.5, epochs=1) -> tflite-int8",
    ]


def test_one_text_is_one_selector_of_devices() -> None:
    assert submitted(techniques=["baseline"], devices="host=alpha,gpu")["devices"] == ["host=alpha,gpu"]


def timed(recipe: str, p50_ms: float, *ci95: float, device: str = "alpha.cpu") -> Row:
    ratio = Ratio(value=10 / p50_ms, ci95=(ci95[0], ci95[1]), pairs=3)
    return row(recipe, device=device, measurement=measurement(p50_ms, ratio=ratio))


TIED = Report(
    report(
        timed("baseline", 10, 0.99, 1.01),
        timed("openvino", 0.845, 7.87, 18.41),
        timed("tflite-int8", 0.907, 10.63, 11.42),
        timed("onnx", 5, 1.9, 2.1),
    ),
    api=None,  # type: ignore[arg-type]  # nothing is fetched
)


def test_the_best_says_which_others_may_be_as_fast() -> None:
    best = TIED.best()

    assert best is not None
    assert (best.recipe, best.ties) == ("openvino", ("tflite-int8",))
    assert "ties with tflite-int8" in repr(best)


def test_a_clear_winner_has_no_ties() -> None:
    best = Report(report(timed("baseline", 10, 0.99, 1.01), timed("onnx", 5, 1.9, 2.1)), api=TIED.api).best()

    assert best is not None
    assert best.ties == ()


def test_the_best_on_a_device_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadRequest, match=r"nothing was timed on 'nope'; there are alpha\.cpu"):
        TIED.best(device="nope")


def test_what_a_script_prints_says_what_it_is() -> None:
    assert repr(TIED) == "Report(sweep 0123456789ab of pilotnet, done: 4 rows on alpha.cpu)"
    assert repr(TIED.rows[3]) == "Row(onnx on alpha.cpu: 2.00 [1.90, 2.10], loss 0%, clean)"
    assert "loss 4.1%" in repr(Report(report(row("x", quality=quality(0.041))), api=TIED.api).rows[0])


def test_waiting_for_a_farm_that_is_away_prints_nothing_on_stdout() -> None:
    answers = [Answer(0), Answer(0), Answer(200, [])]
    with serving(lambda _: answers.pop(0)) as stub:
        script = f"from optfarm import Farm; print(Farm({stub.url!r}).devices())"
        ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)

    assert ended.stdout == "()\n"
