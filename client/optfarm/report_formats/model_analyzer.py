"""The table of Triton Model Analyzer: metrics-model-inference.csv.

Columns as in github.com/triton-inference-server/model_analyzer: result/result_table_manager.py, record/types.
"""

import csv
import io
from collections.abc import Sequence
from typing import Any

from optfarm.report_formats.timed import Timed

FILE = "metrics-model-inference.csv"
COLUMNS = (
    *("Model", "Batch", "Concurrency", "Model Config Path", "Instance Group", "Max Batch Size"),
    *("Satisfies Constraints", "Throughput (infer/sec)", "p99 Latency (ms)"),
    *("Avg Latency (ms)", "p90 Latency (ms)", "p95 Latency (ms)", "RAM Usage (MB)", "Request Rate"),
)
"""Those of the tool's own choice, then others that it can write."""


def document(model: str, variants: Sequence[tuple[str, Timed]]) -> str:
    """The table of one device; cells of which the farm knows nothing are empty.

    Args:
        model: its name.
        variants: name and measurement, a row each.
    """
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(model, name, timed) for name, timed in variants)
    return out.getvalue()


def _row(model: str, name: str, timed: Timed) -> dict[str, Any]:
    measured, slot = timed.measurement, timed.row.device.rpartition(".")[2]
    return {
        "Model": model,
        "Batch": measured.batch_size,
        "Concurrency": 1 if measured.server_rates is None else None,
        "Model Config Path": name,
        "Instance Group": f"1:{slot.partition('-')[0].upper()}",
        "Max Batch Size": None,
        "Satisfies Constraints": None,
        "Throughput (infer/sec)": measured.throughput_per_s,
        "p99 Latency (ms)": timed.tail(0.99, unit_ns=1e6),
        "Avg Latency (ms)": measured.latency_ns.mean / 1e6,
        "p90 Latency (ms)": timed.tail(0.90, unit_ns=1e6),
        "p95 Latency (ms)": timed.tail(0.95, unit_ns=1e6),
        "RAM Usage (MB)": measured.peak_rss_bytes / 1e6,
        "Request Rate": None if measured.server_rates is None else measured.server_rates.rate_per_s,
    }
