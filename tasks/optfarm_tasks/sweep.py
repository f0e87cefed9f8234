"""What people ask of the farm, and what it tells them."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from pydantic import Field, model_validator

from optfarm_tasks.description import DataDescription, ModelDescription
from optfarm_tasks.lease import Progress
from optfarm_tasks.measurement import Measurement
from optfarm_tasks.recipe import Recipe
from optfarm_tasks.result import Failure, Quality, Result
from optfarm_tasks.spec import Auto, Kind, Limits, Profile, Runs, Scenario, Task, check_scenario
from optfarm_tasks.tree import Digest, Tree
from optfarm_tasks.word import Message, Word

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class NewModel(Message):
    """Registers a pushed tree as a model under a name."""

    name: str = Field(pattern=NAME)
    tree: Tree
    description: ModelDescription


class Model(NewModel):
    """A registered model."""

    digest: Digest
    created_at: datetime


class NewData(Message):
    """Registers a pushed tree as a data set under a name."""

    name: str = Field(pattern=NAME)
    tree: Tree
    description: DataDescription


class Data(NewData):
    """A registered data set."""

    digest: Digest
    created_at: datetime


class Tracing(Word):
    """Makes a sweep observe the ops of one artifact on one device; nothing is compared."""

    artifact: str | None = None
    """The task whose artifact it is; left out, the sweep's recipe makes it from the model."""
    runs: Runs = 20


class SweepSpec(Message):
    """Every recipe on every selected device, compared with the baseline."""

    model: str
    """Name or digest."""
    data: str | None = None
    recipes: tuple[Recipe, ...] = Field(min_length=1)
    devices: tuple[str, ...] = ("all",)
    """Selectors: all, cpu, gpu, host=alpha, cpu_model~Xeon, a device name, label.rack=7."""
    profile: Profile = Profile.FULL
    threads: tuple[int | Auto, ...] = (1,)
    batch_sizes: tuple[int | Auto, ...] = (1,)
    """Left out in the scenario Offline: auto."""
    scenario: Scenario = Scenario.SINGLE_STREAM
    bound_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Server: what 99% of the queries may take."""
    limits: Limits = Limits()
    seed: int = Field(default=0, ge=0, lt=2**32)
    fresh: bool = False
    """Measures again what is already stored."""
    trace: Tracing | None = None

    @model_validator(mode="before")
    @classmethod
    def _offline_takes_the_best_batch(cls, given: Any) -> Any:
        is_offline = isinstance(given, dict) and given.get("scenario") == Scenario.OFFLINE
        return {"batch_sizes": ("auto",), **given} if is_offline else given

    @model_validator(mode="after")
    def _scenario_is_whole(self) -> Self:
        check_scenario(self.scenario, self.bound_ms, self.batch_sizes)
        return self


class Skipped(Word):
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
    """Where a task stands; the last four are ends."""

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


class Tried(Word):
    """Another device that a benchmark was bound to before, and why it went on."""

    device: str
    why: str
    at: datetime
    key: Digest | None = None
    """Of the result that was stored there, if there is one."""


class TaskStatus(Message):
    """One task."""

    id: str
    sweep_id: str | None
    """Null for a canary."""
    kind: Kind
    label: str
    """What people read: recipe, and for a benchmark threads and batch size where they vary."""
    recipe: Recipe | None
    device: str | None
    """Where it runs, ran, or is bound to run."""
    state: TaskState
    cached: bool
    attempt: int
    key: Digest | None
    progress: Progress | None
    failure: Failure | None
    log: Digest | None
    depends_on: tuple[str, ...]
    result: Result | None = None
    """Only where one task is asked for."""
    tried: tuple[Tried, ...] = ()
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class TaskFolder(Message):
    """What a task's folder is made from, to run the task again anywhere."""

    task: Task
    toolchain: dict[str, str]
    """Distribution → version that the task runs with."""
    urls: dict[Digest, str]
    """Digest → presigned URL of each input file."""


class SweepReceipt(Message):
    """The answer to a submit."""

    id: str
    tasks: int
    cached: int
    devices: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...] = ()


class SweepPlan(Message):
    """What a sweep would do; nothing is started."""

    tasks: int
    devices: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    warnings: tuple[str, ...]


class SweepStatus(Message):
    """A sweep and its tasks, as they stand."""

    id: str
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


class Row(Word):
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


class Report(Message):
    """The table of a sweep."""

    sweep_id: str
    state: SweepState
    model: str
    data: str | None
    profile: Profile
    scenario: Scenario = Scenario.SINGLE_STREAM
    bound_ms: float | None = None
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    devices: dict[str, dict[str, Any]]
    """Device → its attributes: the hardware that belongs beside the numbers."""
