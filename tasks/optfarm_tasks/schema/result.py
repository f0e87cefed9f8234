"""What a task leaves behind: facts when it is done, a typed failure when it is not."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from optfarm_tasks.description import ModelDescription
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.measurement import Flag, Interval, Measurement, Verdict
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.tree import Digest, Tree
from optfarm_tasks.schema.value import Value, WireMessage


class Conversion(Value):
    """An artifact; its files are the task's outputs."""

    kind: Literal[Kind.CONVERT] = Kind.CONVERT
    description: ModelDescription
    gzip_bytes: int
    """Size of all files coded together by gzip -6."""
    zstd_bytes: int | None = None
    """The same by zstd -3; null in results of earlier versions."""
    warnings: tuple[str, ...] = ()
    notes: dict[str, Any] = Field(default_factory=dict)
    """What a technique reports of its own work: nodes before and after, sparsity, …"""


class Score(Value):
    """One quality metric of the candidate, with the baseline's value beside it where labels were given."""

    name: str
    value: float
    baseline: float | None = None
    higher_is_better: bool = False
    loss_ci95: Interval | None = None
    """The 95% interval of its relative change for the worse, over samples."""
    loss_ci95_reason: str | None = None
    """Why there is none."""


class Quality(Value):
    """The candidate's outputs against the baseline's and, with labels, against the truth."""

    kind: Literal[Kind.EVALUATE] = Kind.EVALUATE
    samples: int
    mse: float | None
    """Against the baseline's outputs, over all those of real numbers; null when an output is not finite."""
    nmse: float | None
    """The same over the variance of the baseline's output; of the worst output where there are several."""
    nmse_ci95: Interval | None = None
    """Its 95% interval over samples."""
    nmse_ci95_reason: str | None = None
    """Why there is none."""
    max_abs_difference: float | None
    cosine: float | None
    runtime: str | None = None
    """What ran the candidate; null in results of before it was recorded."""
    instruction_sets: tuple[str, ...] = ()
    """Those of the processor on which kernels for integers and reduced precision depend; empty where not recorded."""
    exact_nmse: float | None = None
    """Of kernels that cannot overflow, where those of this processor do; null where they do not."""
    is_deterministic: bool = True
    """Whether the candidate gave the same outputs when the same samples were run again."""
    scores: tuple[Score, ...] = ()
    """Against the labels, or detections against the baseline's."""
    collapsed: bool
    """The outputs have become useless, such as one class for everything; see optfarm_tasks.quality."""
    collapse_reason: str | None = None
    warnings: tuple[str, ...] = ()


class BenchmarkResult(Value):
    """A paired measurement; raw samples are among the task's outputs."""

    kind: Literal[Kind.BENCHMARK] = Kind.BENCHMARK
    baseline: Measurement
    candidate: Measurement
    pair_ratios: tuple[float, ...]
    """One speed-up per pair of fresh processes, in the order in which they were taken."""
    fingerprint: dict[str, Any]
    input_source: Literal["data", "random"]
    warnings: tuple[str, ...] = ()


class Inspection(Value):
    """Everything that is known of a model, as its runtime sees it."""

    kind: Literal[Kind.INSPECT] = Kind.INSPECT
    description: ModelDescription
    outputs: tuple[str, ...] = ()
    """Graph nodes that nothing consumes."""
    sizes_bytes: dict[str, int]
    notes: dict[str, Any] = Field(default_factory=dict)


class OpTime(Value):
    """The ops of one type in one inference."""

    op: str
    """As the runtime names the type."""
    count: int
    total_ns: int
    """Of all of them together, without what ran inside other ops; the median over the observed inferences."""
    share: float
    """Of the time of all ops, in 0..1."""


class OpProfile(Value):
    """Where the time of one inference goes; the trace is among the task's outputs."""

    kind: Literal[Kind.PROFILE] = Kind.PROFILE
    runtime: str
    ops: tuple[OpTime, ...]
    """The most expensive type first."""
    runs: int
    plain_ns: int
    """Median wall time of an inference without the profiler."""
    profiled_ns: int
    """The same with it: the times of ops are of these inferences."""
    input_source: Literal["data", "random"]
    notes: tuple[str, ...] = ()
    """What has to be known of this runtime's profiler to read the numbers."""


class CanaryResult(Value):
    """How long a device took for fixed work; medians of wall time, disturbed or not."""

    kind: Literal[Kind.CANARY] = Kind.CANARY
    compute_ns: float = Field(gt=0)
    """One product of two matrices: on one thread, of such that lie in the caches; or on the GPU."""
    memory_ns: float = Field(gt=0)
    """One copy of a buffer that no cache holds, in the host's memory."""
    further_ns: dict[str, float] = Field(default_factory=dict, exclude_if=lambda it: not it)
    """Of a GPU: a copy in its memory, and a launch of next to nothing."""
    null_value: float | None
    """The ratio of the A/A twin: the product of matrices against itself."""
    null_ci95: Interval | None
    verdict: Verdict
    """On the twin."""
    flags: tuple[Flag, ...] = ()


AnyFacts = Conversion | Quality | BenchmarkResult | Inspection | OpProfile | CanaryResult
Facts = Annotated[AnyFacts, Field(discriminator="kind")]


class Failure(Value):
    """Why a task came to no result; that there was nothing to do is no failure of anything."""

    reason: Reason
    message: str
    log_tail: tuple[str, ...] = ()
    """The last lines of the log, oldest first."""
    damaged: tuple[Digest, ...] = ()
    """Blobs that the store cannot give any more; pushing the same content again heals it."""

    @property
    def is_skip(self) -> bool:
        """Whether there was nothing to do."""
        return self.reason is Reason.NOTHING_TO_DO

    @property
    def ending(self) -> str:
        """How the task ended, as people read it: `failed, timeout: not done after 2 s`, or `skipped: …`."""
        return f"skipped: {self.message}" if self.is_skip else f"failed, {self.reason}: {self.message}"


class Outcome(WireMessage):
    """result.json, as the child writes it: exactly one of facts and failure is set."""

    facts: Facts | None = None
    failure: Failure | None = None


class Result(WireMessage):
    """A finished task under its key in the object store: written once, never changed."""

    key: Digest
    facts: Facts
    outputs: Tree
    started_at: datetime
    finished_at: datetime
    duration_s: float
    """The child's own wall time."""
    peak_rss_bytes: int
    host: str
    device: str
