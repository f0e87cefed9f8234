"""The settings that were tried where threads or batch size were left to the farm, and why no more were."""

from enum import StrEnum

from optfarm_tasks.schema.value import Value


class Axis(StrEnum):
    """What grows from rung to rung of a ladder."""

    BATCH_SIZE = "batch_size"
    THREADS = "threads"


class Stop(StrEnum):
    """Why a ladder was climbed no further."""

    GAIN = "gain"
    """The last rung gained less than 5%."""
    FIXED_BATCH = "fixed_batch"
    """The model takes no other batch."""
    MEMORY = "memory"
    """The next rung would pass, or passed, the memory that the task may use."""
    CORES = "cores"
    """The device has no more."""
    LARGEST = "largest"
    """No larger batch is taken."""
    TIME = "time"
    """The next rung would take too long."""
    REFUSED = "refused"
    """The runtime did not take the next rung, though the model's signature allows it."""


class Rung(Value):
    """One setting that was tried, in a short unpaired run: it chooses a setting, and is no measurement."""

    threads: int
    batch_size: int
    throughput_per_s: float
    """Samples: batch_size over the median latency."""
    p50_ns: int
    gain: float | None
    """In throughput over the rung before, as a fraction; null of the first."""


class Ladder(Value):
    """The settings of one axis that were tried, in that order."""

    axis: Axis
    rungs: tuple[Rung, ...]
    stop: Stop
    detail: str | None = None
    """What the runtime said of the rung that it did not take."""
