"""What a measurement records; a unit stands in every name, and a null means: not known, or not enough samples."""

from enum import StrEnum

from optfarm_tasks.spec import Profile
from optfarm_tasks.word import Word

Interval = tuple[float, float]


class Verdict(StrEnum):
    """Whether a number may be trusted."""

    CLEAN = "clean"
    DEGRADED = "degraded"
    """The ratio stands; the tails do not and are withheld."""
    INVALID = "invalid"


class Flag(StrEnum):
    """A disturbance that was seen while the clock ran."""

    PREEMPTED = "preempted"
    TAIL_SPREAD = "tail_spread"
    EXT_LOAD = "ext_load"
    STEAL = "steal"
    DRIFT = "drift"
    UNSHIELDED = "unshielded"
    NO_STEADY_STATE = "no_steady_state"
    WIDE_INTERVAL = "wide_interval"
    FEW_CLEAN = "few_clean"
    BIMODAL = "bimodal"
    GROWING = "growing"
    NONDETERMINISTIC = "nondeterministic"


class Latency(Word):
    """Nearest-rank statistics of one request in flight, in nanoseconds; tails are null below their floors."""

    min: int
    p05: int
    p50: int
    p90: int | None
    p99: int | None
    mean: float


class Ratio(Word):
    """A paired speed-up: baseline time over candidate time, so above 1 the candidate is faster."""

    value: float
    ci95: Interval | None
    """The 95% interval across process pairs; null with a single pair."""
    pairs: int
    null_value: float | None = None
    """The A/A twin's ratio on this device, where one was taken."""
    null_ci95: Interval | None = None


class Noise(Word):
    """The machine while the clock ran; fractions of wall time, null where the kernel does not tell."""

    run_delay_frac: float | None
    preempted_frac: float
    ext_cpu: float | None
    """CPUs' worth of work elsewhere on the host."""
    steal_frac: float | None
    psi_cpu_frac: float | None
    canary_ratio: float | None = None


class Energy(Word):
    """What the hardware's own counters tell of the blocks that were timed, idle parts of the chip included."""

    per_request_mj: float | None
    source: str | None
    """The counters that were read."""
    reason: str | None
    """Why it is not known; null where it is."""


class Measurement(Word):
    """One variant on one device, pooled over its processes."""

    verdict: Verdict
    flags: tuple[Flag, ...]
    profile: Profile
    attempt: int
    scenario: str = "SingleStream"
    clock: str = "e2e"
    estimator: str
    """What the headline ratio rests on: clean_p50, cpu_p50 or p50, after the rules of the method."""
    runtime: str
    engine_precision: str
    """Read back from the runtime, never assumed."""
    threads: int
    batch_size: int
    n_requests: int
    n_clean: int
    duration_s: float
    warmup_s: float
    load_ms: float
    first_ms: float
    latency_ns: Latency
    clean_p50_ns: int | None
    cpu_p50_ns: int
    p50_ci95_ns: Interval | None
    throughput_per_s: float
    """Inferences per second: batch_size over the mean latency."""
    process_cpu_ns: float | None = None
    """CPU time of all threads of the process for a request: the mean over all that were timed."""
    peak_rss_bytes: int
    """The most that a process held in memory from loading the model on, the drawn inputs left out."""
    floor_rss_bytes: int | None = None
    """What the same process held with its runtime's library loaded and no model."""
    model_rss_bytes: int | None = None
    """The peak beyond the floor."""
    energy: Energy | None = None
    ratio: Ratio
    noise: Noise
    shielded: bool
    rules: tuple[str, ...] = ()
    """Which of the method's rules for special work applied, and why."""
