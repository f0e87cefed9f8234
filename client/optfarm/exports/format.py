"""The shapes that there are; imports nothing, so that the command line may name them at once."""

from enum import StrEnum


class Format(StrEnum):
    """Whose report a document is shaped like."""

    OPTIMUM_BENCHMARK = "optimum-benchmark"
    MLPERF = "mlperf"
    MODEL_ANALYZER = "model-analyzer"
