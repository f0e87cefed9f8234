"""Writes the measurements of a sweep in the report formats of other tools; see docs/report-formats.md."""

from enum import StrEnum


class ReportFormat(StrEnum):
    """The tool whose report a document looks like."""

    OPTIMUM_BENCHMARK = "optimum-benchmark"
    MLPERF = "mlperf"
    MODEL_ANALYZER = "model-analyzer"
