"""One unit of work as it lies in a task's folder: task.json beside inputs/<role>/."""

from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from optfarm_tasks.schema.device import CPU, DeviceSpec
from optfarm_tasks.schema.feeding import NOTHING, BatchAxes, Feeding
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.tree import Digest, Tree
from optfarm_tasks.schema.value import Value, WireMessage, digest_of, reads_former


class Kind(StrEnum):
    """What a task does."""

    CONVERT = "convert"
    EVALUATE = "evaluate"
    BENCHMARK = "benchmark"
    INSPECT = "inspect"
    PROFILE = "profile"
    CANARY = "canary"

    @property
    def runs_alone(self) -> bool:
        """Whether its host has to be idle but for it: it reads clocks."""
        return self in {Kind.BENCHMARK, Kind.PROFILE, Kind.CANARY}

    @property
    def needs_trust(self) -> bool:
        """Whether it may not run on a device in quarantine: people bet on what its clocks say."""
        return self in {Kind.BENCHMARK, Kind.PROFILE}


class Role(StrEnum):
    """The part that an input plays; its files lie in inputs/<role>/."""

    MODEL = "model"
    DATA = "data"
    BASELINE = "baseline"
    CANDIDATE = "candidate"


class Effort(StrEnum):
    """How much is measured: quick for demos and tests, full for numbers to bet on."""

    QUICK = "quick"
    FULL = "full"


class Scenario(StrEnum):
    """How requests come, named as MLPerf Inference names it."""

    SINGLE_STREAM = "SingleStream"
    """One request in flight: latency."""
    OFFLINE = "Offline"
    """All samples are there at once: throughput."""
    SERVER = "Server"
    """Queries come at random: the highest rate at which 99% of them are answered within a limit on latency."""


Auto = Literal["auto"]
"""Climbs the ladder of this axis, and measures on its best rung."""
LARGEST_BATCH = 65536
Threads = Annotated[int, Field(ge=1, le=1024)]
BatchSize = Annotated[int, Field(ge=1, le=LARGEST_BATCH)]


def check_scenario(scenario: Scenario, latency_limit_ms: float | None, batch_sizes: tuple[int | Auto, ...]) -> None:
    """Passes when a scenario has what it needs, and nothing that belongs to another.

    Raises:
        ValueError: it does not.
    """
    if scenario is Scenario.SERVER and latency_limit_ms is None:
        raise ValueError("--scenario server needs a limit on the latency of its queries: --latency-limit 50ms")
    if scenario is not Scenario.SERVER and latency_limit_ms is not None:
        raise ValueError("--latency-limit belongs to the scenario server; add --scenario server")
    if scenario is Scenario.SERVER and "auto" in batch_sizes:
        raise ValueError("a query of --scenario server has a given number of samples: --batch-sizes is one, not auto")


class Convert(Value):
    """model (+ data) → an artifact, by a recipe."""

    kind: Literal[Kind.CONVERT] = Kind.CONVERT
    recipe: Recipe
    seed: int = Field(default=0, ge=0, lt=2**32)
    feeding: Feeding = Field(default=NOTHING, exclude_if=lambda it: it == NOTHING)
    """How the model is called; kept out of keys where its files say it all."""


RuntimeWish = Annotated[str | None, Field(exclude_if=lambda it: it is None)]
"""The runtime that was asked for, by name; None leaves the choice to the artifact's format, and keys as they were."""


class Evaluate(Value):
    """baseline, candidate, data → the candidate's quality on the test split."""

    kind: Literal[Kind.EVALUATE] = Kind.EVALUATE
    runtime: RuntimeWish = None
    batch_axes: BatchAxes = Field(default_factory=dict)


class Benchmark(Value):
    """baseline, candidate (+ data) → a paired measurement of both."""

    kind: Literal[Kind.BENCHMARK] = Kind.BENCHMARK
    effort: Effort = Effort.FULL
    threads: Threads | Auto = 1
    batch_size: BatchSize | Auto = 1
    seed: int = Field(default=0, ge=0, lt=2**32)
    # The defaults stay out of JSON, so that the keys of measurements without them stay what they were.
    scenario: Scenario = Field(default=Scenario.SINGLE_STREAM, exclude_if=lambda it: it is Scenario.SINGLE_STREAM)
    latency_limit_ms: float | None = Field(default=None, gt=0, allow_inf_nan=False, exclude_if=lambda it: it is None)
    """Server: what 99% of the queries may take, from their arrival on."""
    runtime: RuntimeWish = None
    batch_axes: BatchAxes = Field(default_factory=dict)

    _former = model_validator(mode="before")(reads_former(profile="effort", bound_ms="latency_limit_ms"))

    @model_validator(mode="after")
    def _scenario_is_whole(self) -> Self:
        check_scenario(self.scenario, self.latency_limit_ms, (self.batch_size,))
        return self


class Inspect(Value):
    """model → everything that its files and its runtime say of it."""

    kind: Literal[Kind.INSPECT] = Kind.INSPECT


Runs = Annotated[int, Field(ge=1, le=1000)]
"""How many inferences are observed; what is reported of an op is its median over them."""


class Trace(Value):
    """model (+ data) → where the time of one inference goes, op by op."""

    kind: Literal[Kind.PROFILE] = Kind.PROFILE
    threads: Threads = 1
    batch_size: BatchSize = 1
    seed: int = Field(default=0, ge=0, lt=2**32)
    runs: Runs = 20
    runtime: RuntimeWish = None
    batch_axes: BatchAxes = Field(default_factory=dict)


class Canary(Value):
    """nothing → how long fixed work takes, and whether a variant is as fast as itself: the health of a device."""

    kind: Literal[Kind.CANARY] = Kind.CANARY


AnyAction = Convert | Evaluate | Benchmark | Inspect | Trace | Canary
Action = Annotated[AnyAction, Field(discriminator="kind")]


class Limits(Value):
    """What a task may use before it is ended."""

    timeout_s: float = Field(default=3600, gt=0, allow_inf_nan=False)
    memory_bytes: int = Field(default=8 << 30, ge=64 << 20, le=1 << 50)
    """Up to a pebibyte: the kernel takes no limits that are much larger."""


class Usual(Value):
    """What is known from a device's canaries, for a measurement that is taken there."""

    memory_ns: float | None
    """What a pass of the memory canary usually takes; null while too few have run."""
    null_ci95: tuple[float, float] | None
    """The 95% interval of the latest A/A twin's ratio."""


class Task(WireMessage):
    """An action on inputs; `python -m optfarm_tasks DIR` runs it from DIR/task.json."""

    action: Action
    inputs: dict[Role, Tree]
    limits: Limits = Limits()
    usual: Usual | None = None
    """Of the device that a benchmark was sent to; it changes no key."""
    device: DeviceSpec = Field(default=CPU, exclude_if=lambda it: it == CPU)
    """What it computes on; keys name the device in their own way."""


_KEY_NAMES = {"effort": "profile", "latency_limit_ms": "bound_ms"}
"""Keys hold the names that fields had when results were first stored under them, whatever the fields are called now."""


def task_key(action: AnyAction, inputs: dict[Role, Digest], *, toolchain: dict[str, str], device: str | None) -> Digest:
    """The content address of a task's result.

    Equal keys mean the same work: the same action on the same input trees with the same toolchain versions
    and, for work pinned to a device (a benchmark), on the same device. Limits do not change a result.

    Args:
        action: what is done.
        inputs: role → tree digest.
        toolchain: distribution → version of everything that shapes the result.
        device: the device's identity, or None for work that any device does alike.
    """
    form = {_KEY_NAMES.get(name, name): value for name, value in action.model_dump(mode="json").items()}
    return digest_of(
        {
            "action": form,
            "inputs": {str(role): digest for role, digest in inputs.items()},
            "toolchain": toolchain,
            "device": device,
        }
    )
