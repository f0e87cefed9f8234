"""The report formats that there are; imports nothing, so that the command line may name them at once."""

from enum import StrEnum


class ReportFormat(StrEnum):
    """The tool whose report a document looks like."""

    OPTIMUM_BENCHMARK = "optimum-benchmark"
    MLPERF = "mlperf"
    MODEL_ANALYZER = "model-analyzer"
