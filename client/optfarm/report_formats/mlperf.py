"""A summary like that of MLPerf LoadGen in the scenario that was measured: mlperf_log_summary.txt.

Lines as in github.com/mlcommons/inference: loadgen/results.cc. Those of which the farm knows nothing are left out.
"""

from collections.abc import Callable, Iterator

import numpy as np

from optfarm.errors import Broken
from optfarm.report_formats.timed import Timed
from optfarm_tasks.benchmark.analysis import stats
from optfarm_tasks.schema.measurement import ServerRates, Verdict
from optfarm_tasks.schema.spec import Scenario

FILE = "mlperf_log_summary.txt"

_RULE = "=" * 48
_TARGET = 0.90
_ARRIVAL, _END = 0, 2
"""Rows of a trial's table."""
_FRACTIONS = (0.50, 0.90, 0.95, 0.97, 0.99, 0.999)


def document(timed: Timed) -> str:
    """The summary of one variant; VALID where the measurement is sound enough for the number of its scenario."""
    scenario = timed.measurement.scenario
    sections = (
        ("MLPerf Results Summary", [*_head(timed), *_RESULTS[scenario](timed)]),
        ("Additional Stats", [] if scenario is Scenario.OFFLINE else [*_rates(timed), "", *_latencies(timed)]),
        ("Test Parameters Used", list(_parameters(timed))),
    )
    text = [line for heading, lines in sections if lines for line in (_RULE, heading, _RULE, *lines, "")]
    return "\n".join((*text, *_notes(timed))) + "\n"


def _head(timed: Timed) -> Iterator[str]:
    yield f"SUT name : {timed.method} on {timed.row.device}"
    yield f"Scenario : {timed.measurement.scenario}"
    yield "Mode     : PerformanceOnly"


def _single_stream(timed: Timed) -> Iterator[str]:
    target_ns = timed.tail_ns(_TARGET)
    if target_ns is not None:
        yield f"90th percentile latency (ns) : {target_ns}"
    yield _result(is_valid=target_ns is not None)
    yield f"  Early stopping satisfied: {_answer(timed.wall_ns.size >= stats.tail_floor(_TARGET))}"


def _offline(timed: Timed) -> Iterator[str]:
    yield f"Samples per second: {timed.measurement.throughput_per_s:g}"
    yield _result(is_valid=timed.measurement.verdict is Verdict.CLEAN)


def _server(timed: Timed) -> Iterator[str]:
    rates = _server_rates(timed)
    if rates.rate_per_s:
        yield f"Scheduled samples per second : {_samples_per_s(timed, _ARRIVAL):.2f}"
    yield _result(is_valid=timed.measurement.verdict is Verdict.CLEAN and rates.is_early_stopping_met)
    yield f"  Performance constraints satisfied : {_answer(all(rates.rates_per_s))}"
    yield f"  Early stopping satisfied: {_answer(rates.is_early_stopping_met)}"


_RESULTS: dict[Scenario, Callable[[Timed], Iterator[str]]] = {
    Scenario.SINGLE_STREAM: _single_stream,
    Scenario.OFFLINE: _offline,
    Scenario.SERVER: _server,
}


def _rates(timed: Timed) -> Iterator[str]:
    if timed.measurement.scenario is Scenario.SINGLE_STREAM:
        yield f"QPS w/o loadgen overhead        : {1e9 / timed.measurement.latency_ns.mean:.2f}"
    elif _server_rates(timed).rate_per_s:
        yield f"Completed samples per second    : {_samples_per_s(timed, _END):.2f}"


def _latencies(timed: Timed) -> Iterator[str]:
    yield f"Min latency (ns)                : {timed.measurement.latency_ns.min}"
    yield f"Max latency (ns)                : {timed.wall_ns.max()}"
    yield f"Mean latency (ns)               : {int(timed.measurement.latency_ns.mean)}"
    for fraction in _FRACTIONS:
        found_ns = timed.measurement.latency_ns.p50 if fraction == _FRACTIONS[0] else timed.tail_ns(fraction)
        if found_ns is not None:
            yield f"{100 * fraction:.2f} percentile latency (ns)   : {found_ns}"


def _parameters(timed: Timed) -> Iterator[str]:
    measured = timed.measurement
    # Offline LoadGen has all samples in one query, and here they come in batches.
    if measured.scenario is not Scenario.OFFLINE:
        yield f"samples_per_query : {measured.batch_size}"
    if measured.server_rates is not None:
        if measured.server_rates.rate_per_s:
            yield f"target_qps : {measured.server_rates.rate_per_s:g}"
        yield f"target_latency (ns): {int(measured.server_rates.latency_limit_ms * 1e6)}"
    if measured.scenario is Scenario.SINGLE_STREAM:
        yield "max_async_queries : 1"


def _samples_per_s(timed: Timed, until: int) -> float:
    """As LoadGen counts: samples but one query's, over the time until the last query; the median over searches."""
    batch_size = timed.measurement.batch_size
    ends_ns = [max(1, int(each.table[until].max())) for each in timed.sent]
    counts = [(each.trial.queries - 1) * batch_size for each in timed.sent]
    return float(np.median([count / end_ns * 1e9 for count, end_ns in zip(counts, ends_ns, strict=True)]))


def _server_rates(timed: Timed) -> ServerRates:
    rates = timed.measurement.server_rates
    if rates is None:
        raise Broken(f"the measurement of {timed.method} as a server tells no rate")
    return rates


def _result(*, is_valid: bool) -> str:
    return f"Result is : {'VALID' if is_valid else 'INVALID'}"


def _answer(is_met: bool) -> str:  # noqa: FBT001 (it says nothing else)
    return "Yes" if is_met else "NO"


def _notes(timed: Timed) -> Iterator[str]:
    flags, batch_size = timed.measurement.flags, timed.measurement.batch_size
    yield f"Warnings encountered: {' '.join(flags)}" if flags else "No warnings encountered during test."
    if timed.measurement.scenario is Scenario.OFFLINE:
        yield f"Samples came in batches of {batch_size}, one after the other."
    yield "Measured and written by optfarm, not by LoadGen; this is no MLPerf result."
