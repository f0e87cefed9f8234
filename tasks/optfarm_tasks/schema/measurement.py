"""What a measurement records; a unit stands in every name, and a null means: not known, or not enough samples."""

from enum import StrEnum
from typing import Self

from pydantic import model_validator

from optfarm_tasks.schema.ladder import Ladder
from optfarm_tasks.schema.spec import Effort, Scenario
from optfarm_tasks.schema.value import Value, reads_former

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
    MEM_CONTENTION = "mem_contention"
    STEAL = "steal"
    DRIFT = "drift"
    UNSHIELDED = "unshielded"
    NO_STEADY_STATE = "no_steady_state"
    WIDE_INTERVAL = "wide_interval"
    FEW_CLEAN = "few_clean"
    BIMODAL = "bimodal"
    GROWING = "growing"
    NONDETERMINISTIC = "nondeterministic"
    NULL_FAILED = "null_failed"
    THROTTLED = "throttled"
    FOREIGN_PID = "foreign_pid"
    CLOCKS_UNLOCKED = "clocks_unlocked"


class Latency(Value):
    """Nearest-rank statistics of one request in flight, in nanoseconds; tails are null below their floors."""

    min: int
    p05: int
    p50: int
    p90: int | None
    p99: int | None
    mean: float


class Ratio(Value):
    """A paired speed-up: baseline time over candidate time, so above 1 the candidate is faster.

    In the scenarios Offline and Server: the candidate's rate over the baseline's.
    """

    value: float | None
    """Null where one of them answers queries in time at no rate."""
    ci95: Interval | None
    """The 95% interval across process pairs; null with a single pair."""
    pairs: int
    null_value: float | None = None
    """The A/A twin's ratio on this device, where one was taken."""
    null_ci95: Interval | None = None


class Noise(Value):
    """The machine while the clock ran; fractions of wall time, null where the kernel does not say."""

    run_delay_frac: float | None
    preempted_frac: float
    ext_cpu: float | None
    """CPUs' worth of work elsewhere on the host."""
    steal_frac: float | None
    psi_cpu_frac: float | None
    canary_ratio: float | None = None
    """What a copy in memory took right before, over what it usually takes on this device."""
    canary_missing: str | None = None
    """Why that is not known."""


class Energy(Value):
    """What the hardware's own counters say of the blocks that were timed, idle parts of the chip included."""

    per_request_mj: float | None
    source: str | None
    """The counters that were read."""
    reason: str | None
    """Why it is not known; null where it is."""


class GpuConditions(Value):
    """The GPU while the clock ran, by samples of its driver and by counters between them."""

    sm_mhz: tuple[int, int]
    """The lowest and the highest clock of its processors."""
    memory_mhz: tuple[int, int]
    power_w: float | None
    """The mean."""
    temperature_c: int
    """The highest."""
    reasons: tuple[str, ...]
    """What governed its clocks."""
    is_slowed: bool
    """By heat, or by the hardware: nothing that was timed means anything."""
    is_capped: bool
    """By the limit of its power."""
    strangers: int | None
    """Processes of others there; null where the driver's pids are not this machine's, so that it cannot be told."""
    held_bytes: int | None
    """The most of its memory that a process of the variant held."""


class DeviceClock(Value):
    """What the clock of a device that works beside the host says of a request: medians, in nanoseconds."""

    enqueue_p50_ns: int
    """Until the host had handed the request over."""
    compute_p50_ns: int
    """Its kernels, by the device's events."""
    copies_p50_ns: int
    """What went to the device and came back, by its events."""
    explained: float
    """What share of the time from end to end kernels and copies are."""
    ratio: Ratio | None
    """The paired speed-up by kernels alone; null of the baseline, or where either has no such clock."""


class Trial(Value):
    """One rate at which queries were sent."""

    rate_per_s: float
    """Queries, as the Poisson process has it."""
    queries: int
    """Those that were answered; a trial ends with the query that fails it."""
    late: int
    """Those that took longer than the limit."""
    allowed_late: int
    p99_ns: int
    """Nearest rank, of whatever number of queries."""
    holds: bool


class ServerRates(Value):
    """The highest rate at which a variant answers 99% of its queries within the limit, the median over searches."""

    latency_limit_ms: float
    rate_per_s: float
    """Queries; 0 where the limit is held at no rate that was tried."""
    rates_per_s: tuple[float, ...]
    """One a search, each in a process of its own."""
    resolution: float
    """How far above a rate that holds the lowest rate that does not may lie, as a fraction."""
    fewest_queries: int
    """Of the trials that the rates rest on."""
    is_early_stopping_met: bool
    """Whether these trials show with 99% confidence, by LoadGen's rule, that at most 1% of the queries are late."""
    trials: tuple[Trial, ...]
    """Of the first search, in their order."""

    _former = model_validator(mode="before")(reads_former(bound_ms="latency_limit_ms"))


class Measurement(Value):
    """One variant on one device, pooled over its processes."""

    verdict: Verdict
    flags: tuple[Flag, ...]
    effort: Effort
    attempt: int
    scenario: Scenario = Scenario.SINGLE_STREAM
    clock: str = "e2e"
    estimator: str
    """What the headline ratio rests on: clean_p50, cpu_p50 or p50, after the rules of the method; else rate."""
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
    """Samples per second: batch_size over the mean latency; of a Server, those of the highest rate."""
    process_cpu_ns: float | None = None
    """CPU time of all threads of the process for a request: the mean over all that were timed; null of a Server."""
    peak_rss_bytes: int
    """The most that a process held in memory from loading the model on, the drawn inputs left out."""
    floor_rss_bytes: int | None = None
    """What the same process held with its runtime's library loaded and no model."""
    model_rss_bytes: int | None = None
    """The peak beyond the floor."""
    energy: Energy | None = None
    gpu: GpuConditions | None = None
    """Null where it was not timed on one."""
    device_clock: DeviceClock | None = None
    """Null where the runtime computes on the host, or says nothing of its device's events."""
    ratio: Ratio
    noise: Noise
    shielded: bool
    rules: tuple[str, ...] = ()
    """Which of the method's rules for special work applied, and why."""
    ladders: tuple[Ladder, ...] = ()
    """Where threads or batch size were left to the farm: how it came to them."""
    server_rates: ServerRates | None = None
    """In the scenario Server: how its rate was found."""

    _former = model_validator(mode="before")(reads_former(profile="effort", serving="server_rates"))

    def beside(self, twin: Self) -> Self:
        """The same with the A/A twin's ratio beside its own, where that was taken in the same place.

        A ladder may end elsewhere than the twin's, and then the twin says nothing of it.
        """
        is_elsewhere = (self.threads, self.batch_size) != (twin.threads, twin.batch_size)
        if is_elsewhere or self.ratio.null_value is not None:
            return self
        null = {"null_value": twin.ratio.value, "null_ci95": twin.ratio.ci95}
        flags = {*self.flags, *(() if holds_one(twin.ratio.ci95) else (Flag.NULL_FAILED,))}
        beside = {"ratio": self.ratio.model_copy(update=null), "flags": tuple(flag for flag in Flag if flag in flags)}
        return self.model_copy(update=beside)


def holds_one(ci95: Interval | None) -> bool:
    """Whether the interval of an A/A twin's ratio allows for what is true of it; none at all refutes nothing."""
    return ci95 is None or ci95[0] <= 1.0 <= ci95[1]
