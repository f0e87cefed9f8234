"""A summary like that of MLPerf LoadGen in the scenario SingleStream: mlperf_log_summary.txt.

Lines as in github.com/mlcommons/inference: loadgen/results.cc. Those of which the farm knows nothing are left out.
"""

from collections.abc import Iterator

from optfarm.exports.timed import Timed
from optfarm_tasks.benchmark import stats

FILE = "mlperf_log_summary.txt"

_RULE = "=" * 48
_TARGET = 0.90
_FRACTIONS = (0.50, 0.90, 0.95, 0.97, 0.99, 0.999)


def document(timed: Timed) -> str:
    """The summary of one variant; VALID where its 90th percentile may be told."""
    return "\n".join((*_results(timed), "", *_stats(timed), "", *_parameters(timed), "", *_notes(timed))) + "\n"


def _results(timed: Timed) -> Iterator[str]:
    target_ns = timed.tail_ns(_TARGET)
    yield from _headed("MLPerf Results Summary")
    yield f"SUT name : {timed.method} on {timed.row.device}"
    yield "Scenario : SingleStream"
    yield "Mode     : PerformanceOnly"
    if target_ns is not None:
        yield f"90th percentile latency (ns) : {target_ns}"
    yield f"Result is : {'INVALID' if target_ns is None else 'VALID'}"
    yield f"  Early stopping satisfied: {'Yes' if timed.wall_ns.size >= stats.tail_floor(_TARGET) else 'NO'}"


def _stats(timed: Timed) -> Iterator[str]:
    mean_ns = timed.measurement.latency_ns.mean
    yield from _headed("Additional Stats")
    yield f"QPS w/o loadgen overhead        : {1e9 / mean_ns:.2f}"
    yield ""
    yield f"Min latency (ns)                : {timed.measurement.latency_ns.min}"
    yield f"Max latency (ns)                : {timed.wall_ns.max()}"
    yield f"Mean latency (ns)               : {int(mean_ns)}"
    for fraction in _FRACTIONS:
        found_ns = timed.measurement.latency_ns.p50 if fraction == _FRACTIONS[0] else timed.tail_ns(fraction)
        if found_ns is not None:
            yield f"{100 * fraction:.2f} percentile latency (ns)   : {found_ns}"


def _parameters(timed: Timed) -> Iterator[str]:
    yield from _headed("Test Parameters Used")
    yield f"samples_per_query : {timed.measurement.batch_size}"
    yield "max_async_queries : 1"


def _notes(timed: Timed) -> Iterator[str]:
    flags = timed.measurement.flags
    yield f"Warnings encountered: {' '.join(flags)}" if flags else "No warnings encountered during test."
    yield "Measured and written by optfarm, not by LoadGen; this is no MLPerf result."


def _headed(heading: str) -> Iterator[str]:
    yield from (_RULE, heading, _RULE)
