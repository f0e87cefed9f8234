"""What people ask of the farm, and what it answers."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from optfarm_tasks.schema.catalog import NewData, NewModel
from optfarm_tasks.schema.lease import Progress
from optfarm_tasks.schema.measurement import Measurement
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Failure, Quality, Result
from optfarm_tasks.schema.spec import (
    Auto,
    BatchSize,
    Effort,
    Kind,
    Limits,
    Runs,
    RuntimeWish,
    Scenario,
    Threads,
    check_scenario,
)
from optfarm_tasks.schema.tree import Digest
from optfarm_tasks.schema.value import Value, WireMessage, reads_former
from optfarm_tasks.schema.waiting import Waiting


class Tracing(Value):
    """Makes a sweep observe the ops of one artifact on one device; nothing is compared."""

    artifact: str | None = None
    """The task whose artifact it is; left out, the sweep's recipe makes it from the model."""
    runs: Runs = 20


class Purpose(StrEnum):
    """What a sweep was submitted for."""

    SWEEP = "sweep"
    PROFILE = "profile"
    VERIFY = "verify"
    SEARCH = "search"


class SweepSpec(WireMessage):
    """Every recipe on every selected device, compared with the baseline."""

    model: str
    """Name or digest."""
    data: str | None = None
    recipes: tuple[Recipe, ...] = Field(min_length=1)
    devices: tuple[str, ...] = ("all",)
    """Selectors: all, cpu, gpu, host=alpha, cpu_model~Xeon, a device name, label.rack=7."""
    effort: Effort = Effort.FULL
    threads: tuple[Threads | Auto, ...] = Field(default=(1,), min_length=1)
    batch_sizes: tuple[BatchSize | Auto, ...] = Field(default=(1,), min_length=1)
    """Left out in the scenario Offline: auto."""
    scenario: Scenario = Scenario.SINGLE_STREAM
    latency_limit_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    runtime: RuntimeWish = None
    limits: Limits = Limits()
    seed: int = Field(default=0, ge=0, lt=2**32)
    fresh: bool = False
    """Measures again what is already stored."""
    trace: Tracing | None = None
    purpose: Purpose = Field(default=Purpose.SWEEP, exclude_if=lambda it: it is Purpose.SWEEP)
    """Shown in lists of sweeps; it changes nothing else."""

    _former = model_validator(mode="before")(reads_former(profile="effort", bound_ms="latency_limit_ms"))

    @model_validator(mode="before")
    @classmethod
    def _offline_takes_the_best_batch(cls, given: Any) -> Any:
        is_offline = isinstance(given, dict) and given.get("scenario") == Scenario.OFFLINE
        return {"batch_sizes": ("auto",), **given} if is_offline else given

    @model_validator(mode="after")
    def _scenario_is_whole(self) -> Self:
        check_scenario(self.scenario, self.latency_limit_ms, self.batch_sizes)
        return self


class SweepDraft(WireMessage):
    """A sweep before what it is of is pushed; what is left out is found by the name in the spec."""

    spec: SweepSpec
    model: NewModel | None = None
    data: NewData | None = None


class Skipped(Value):
    """A combination that will not run, and why."""

    recipe: Recipe
    device: str | None
    reason: str


class SweepState(StrEnum):
    """Where a sweep stands."""

    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


class TaskState(StrEnum):
    """Where a task stands; those after running are ends."""

    PENDING = "pending"
    """Waits for the tasks that make its inputs."""
    READY = "ready"
    """Waits for a device."""
    DISPATCHED = "dispatched"
    """Its message is under way; no worker has claimed it yet."""
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    BLOCKED = "blocked"
    """A task that makes its inputs did not end well."""
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    """There was nothing to do: a technique of its recipe has nothing to work on in the model, which is no failure."""


class Tried(Value):
    """Another device that a benchmark was pinned to before, and why it went on."""

    device: str
    why: str
    at: datetime
    key: Digest | None = None
    """Of the result that was stored there, if there is one."""


class TaskStatus(WireMessage):
    """One task."""

    id: str
    sweep_id: str | None
    """Null for a canary."""
    kind: Kind
    label: str
    """What people read: recipe, and for a benchmark threads and batch size where they vary."""
    recipe: Recipe | None
    device: str | None
    """Where it runs, ran, or is pinned to run."""
    state: TaskState
    cached: bool
    attempt: int
    key: Digest | None
    progress: Progress | None
    waiting: Waiting | None = None
    """While it does not go on: for what it waits."""
    failure: Failure | None
    log: Digest | None
    depends_on: tuple[str, ...]
    result: Result | None = None
    """Only where one task is asked for."""
    tried: tuple[Tried, ...] = ()
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class SweepReceipt(WireMessage):
    """The answer to a submit."""

    id: str
    tasks: int
    cached: int
    devices: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...] = ()


class SweepPlan(WireMessage):
    """What a sweep would do; nothing is started."""

    tasks: int
    devices: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]


class SweepStatus(WireMessage):
    """A sweep and its tasks, as they stand."""

    id: str
    label: str | None = None
    """What people call it."""
    state: SweepState
    spec: SweepSpec
    created_at: datetime
    finished_at: datetime | None
    tasks: tuple[TaskStatus, ...]
    skipped: tuple[Skipped, ...]
    eta_s: float | None
    """Expected seconds to the end, from the durations of tasks like these; null while nothing is known."""
    problems: tuple[str, ...] = ()
    """What keeps tasks waiting until somebody acts."""


class Row(Value):
    """One variant on one device."""

    recipe: Recipe
    device: str
    threads: int | Auto
    batch_size: int | Auto
    """As asked for; what auto came to stands in the measurement."""
    state: TaskState
    """The worst of its tasks."""
    cached: bool
    artifact: Digest | None
    convert_task: str | None
    size_bytes: int | None = None
    gzip_bytes: int | None = None
    zstd_bytes: int | None = None
    format: str | None = None
    quality: Quality | None = None
    measurement: Measurement | None = None
    failure: Failure | None = None
    warnings: tuple[str, ...] = ()


class SweepReport(WireMessage):
    """The table of a sweep."""

    sweep_id: str
    state: SweepState
    model: str
    data: str | None
    effort: Effort
    scenario: Scenario = Scenario.SINGLE_STREAM
    latency_limit_ms: float | None = None
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    devices: dict[str, dict[str, Any]]
    """Device → its attributes: the hardware that belongs beside the numbers."""

    _former = model_validator(mode="before")(reads_former(profile="effort", bound_ms="latency_limit_ms"))
