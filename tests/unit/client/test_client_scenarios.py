"""What a report says of ladders, of throughput and of servers."""

import pytest

from optfarm.columns import cells_of, columns_of
from optfarm.notes import ladder_text, notes_of
from optfarm.ranking import latency_ns
from optfarm.table import markdown_text, values_of
from optfarm_tasks.schema.ladder import Axis, Ladder, Rung, Stop
from optfarm_tasks.schema.measurement import Ratio, ServerRates
from optfarm_tasks.schema.spec import Scenario
from tests.unit.reports import measurement, report, row

RUNGS = (
    Rung(threads=1, batch_size=1, throughput_per_s=1000, p50_ns=1_000_000, gain=None),
    Rung(threads=1, batch_size=2, throughput_per_s=1020, p50_ns=1_960_784, gain=0.02),
)
LADDER = Ladder(axis=Axis.BATCH_SIZE, rungs=RUNGS, stop=Stop.GAIN)


def server_rates(rate_per_s: float) -> ServerRates:
    return ServerRates(
        latency_limit_ms=50,
        rate_per_s=rate_per_s,
        rates_per_s=(rate_per_s,),
        resolution=0.05,
        fewest_queries=662,
        is_early_stopping_met=True,
        trials=(),
    )


def test_a_chosen_batch_is_named_and_its_ladder_stands_below() -> None:
    chosen = row("tflite-int8", batch_size="auto", measurement=measurement(4, batch_size=2, ladders=(LADDER,)))
    facts = report(chosen)

    assert cells_of(columns_of(facts), chosen)[0] == "tflite-int8 (threads 1, batch 2)"
    assert values_of(chosen)["batch_size"] == 2
    assert notes_of(facts)[-1] == (
        "tflite-int8 on alpha.cpu: batch 1: 1,000/s in 1 ms, 2: 1,020/s in 1.96 ms (+2%); the last gained less than 5%"
    )


@pytest.mark.parametrize("stop", list(Stop))
def test_every_stop_of_a_ladder_is_told(stop: Stop) -> None:
    told = ladder_text(LADDER.model_copy(update={"stop": stop, "axis": Axis.THREADS, "detail": "no room"}))

    assert told.startswith("threads 1: 1,000/s")
    assert told.endswith("(no room)")


def test_offline_shows_samples_a_second_and_no_latency() -> None:
    measured = measurement(4, scenario=Scenario.OFFLINE, estimator="rate", throughput_per_s=2500.0)
    variant = row("tflite-int8", measurement=measured)
    facts = report(variant, scenario=Scenario.OFFLINE)

    assert columns_of(facts)[3].heading == "samples/s"
    assert cells_of(columns_of(facts), variant)[3] == "2,500"
    assert "| samples/s |" in markdown_text(facts)
    assert (values_of(variant)["throughput_per_s"], values_of(variant)["inference_ms"]) == (2500, None)
    assert latency_ns(variant) == 400_000


def test_a_server_shows_its_rate_beside_the_bound() -> None:
    measured = measurement(4, scenario=Scenario.SERVER, throughput_per_s=321.0, server_rates=server_rates(321))
    variant = row("tflite-int8", measurement=measured)
    facts = report(variant, scenario=Scenario.SERVER, latency_limit_ms=50)

    assert columns_of(facts)[3].heading == "queries/s, p99 ≤ 50 ms"
    assert cells_of(columns_of(facts), variant)[3] == "321"
    assert (values_of(variant)["rate_per_s"], values_of(variant)["latency_limit_ms"]) == (321, 50)


def test_a_rate_of_none_has_no_ratio_and_is_the_slowest() -> None:
    measured = measurement(
        4,
        scenario=Scenario.SERVER,
        throughput_per_s=0.0,
        server_rates=server_rates(0),
        ratio=Ratio(value=None, ci95=None, pairs=1),
    )
    variant = row("tflite-int8", measurement=measured)

    assert cells_of(columns_of(report(variant, scenario=Scenario.SERVER, latency_limit_ms=50)), variant)[3:5] == (
        "0",
        "none",
    )
    assert latency_ns(variant) == float("inf")
