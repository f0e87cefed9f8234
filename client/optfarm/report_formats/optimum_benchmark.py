"""The report of optimum-benchmark: benchmark_report.json.

Fields as in github.com/huggingface/optimum-benchmark: benchmark/report.py, and of trackers latency.py, memory.py,
energy.py.
"""

import json
from typing import Any

import numpy as np

from optfarm.errors import BadRequest
from optfarm.report_formats.timed import Timed
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.spec import Scenario

FILE = "benchmark_report.json"

_NOTHING = {"memory": None, "latency": None, "throughput": None, "energy": None, "efficiency": None}
_MJ_PER_KWH = 3.6e9
_LATENCY = ("unit", "values", "count", "total", "mean", "p50", "p90", "p95", "p99", "stdev", "stdev_")


def document(timed: Timed) -> str:
    """The three targets of an inference; what the farm does not know is null.

    Raises:
        BadRequest: queries came at random, so that their latencies hold waiting, for which no target has a place.
    """
    measured = timed.measurement
    if measured.scenario is Scenario.SERVER:
        raise BadRequest("optimum-benchmark has no form for the scenario Server; write mlperf or model-analyzer")
    report = {
        "load_model": {**_NOTHING, "latency": _median(measured.load_ms / 1e3, processes=measured.ratio.pairs)},
        "first_forward": {**_NOTHING, "latency": _median(measured.first_ms / 1e3, processes=measured.ratio.pairs)},
        "forward": {
            **_NOTHING,
            "memory": _memory(measured.peak_rss_bytes),
            "latency": _latency(timed),
            "throughput": {"unit": "samples/s", "value": measured.throughput_per_s},
            **_energy(measured),
        },
    }
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


def _latency(timed: Timed) -> dict[str, Any]:
    values = timed.wall_ns / 1e9
    mean, stdev = timed.measurement.latency_ns.mean / 1e9, float(np.std(values))
    return {
        "unit": "s",
        "values": values.tolist(),
        "count": values.size,
        "total": float(values.sum()),
        "mean": mean,
        "p50": timed.measurement.latency_ns.p50 / 1e9,
        "p90": timed.tail(0.90, unit_ns=1e9),
        "p95": timed.tail(0.95, unit_ns=1e9),
        "p99": timed.tail(0.99, unit_ns=1e9),
        "stdev": stdev,
        "stdev_": 100 * stdev / mean,
    }


def _median(median_s: float, *, processes: int) -> dict[str, Any]:
    """A time that each process has once, and of which only the median is kept."""
    return {**dict.fromkeys(_LATENCY), "unit": "s", "count": processes, "p50": median_s}


def _memory(peak_rss_bytes: int) -> dict[str, Any]:
    unknown = dict.fromkeys(("max_global_vram", "max_process_vram", "max_reserved", "max_allocated"))
    return {"unit": "MB", "max_ram": peak_rss_bytes / 1e6, **unknown}


def _energy(measured: Measurement) -> dict[str, Any]:
    """What a request took, and what a kilowatt-hour would do; the parts of the machine are not counted apart."""
    if measured.energy is None or not measured.energy.per_request_mj:
        return {}
    request_kwh = measured.energy.per_request_mj / _MJ_PER_KWH
    return {
        "energy": {"unit": "kWh", "cpu": None, "ram": None, "gpu": None, "total": request_kwh},
        "efficiency": {"unit": "samples/kWh", "value": measured.batch_size / request_kwh},
    }
