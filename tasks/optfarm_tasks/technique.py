"""What a technique is: one module in techniques/ with PARAMS, CARD and run(); its file name registers it."""

import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict

from optfarm_tasks.description import Format
from optfarm_tasks.schema.device import CPU, DeviceSpec
from optfarm_tasks.schema.recipe import Scalar
from optfarm_tasks.schema.technique_card import Memory

__all__ = ["Bound", "Card", "Done", "Memory", "OnProgress", "Params", "Pattern", "Technique", "Work"]

OnProgress = Callable[[str, float], None]
"""Called with the phase and the fraction done, in 0..1, while work goes on."""


class Params(BaseModel):
    """The base of a technique's parameters; each field has a type, a range and a description."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _compiled(value: Any) -> Any:
    if isinstance(value, re.Pattern):
        return value
    try:
        return re.compile(str(value))
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"{value!r} is no regular expression: {error}") from error


Pattern = Annotated[re.Pattern[str], BeforeValidator(_compiled)]
"""A parameter that is a regular expression."""


@dataclass(frozen=True)
class Bound:
    """What an artifact depends on that runs on one kind of GPU alone, and under one version."""

    target: str
    """The parameter that says for which compute capability it is made; 0 leaves that to the GPU that is timed."""
    module: str
    """What it has to be run by in the very version that made it."""


@dataclass(frozen=True)
class Card:
    """What can be known of a technique without running it, or importing a framework."""

    accepts: frozenset[Format]
    yields: Mapping[Format, Format]
    """Format in → format out, for each accepted one."""
    modules: tuple[str, ...] = ()
    """Modules that run() imports."""
    distributions: Mapping[str, str] = field(default_factory=dict)
    """Distribution → the one version of it that does, where modules are there in others too and do not do."""
    needs_calibration: bool = False
    needs_training_data: bool = False
    """Whether it fine-tunes, on the `train` split or else on the `calibration` split."""
    needs_gpu: bool = False
    memory: Memory | None = None
    """None where it stays far below what any device has."""
    fixes_batch: str | None = None
    """The parameter that says which batch the artifact insists on; benchmarks are run with it."""
    is_reduced: bool = False
    """Whether what it makes may run in integers or in reduced precision, whose results depend on the processor."""
    bound: Bound | None = None
    """None where the artifact runs on any device that its runtime computes on."""
    where_overflowing: Mapping[str, Scalar] = field(default_factory=dict)
    """Parameters that keep the artifact right on processors whose integer kernels overflow, unless they are given."""
    tolerance_nmse: float = 1e-6
    """How far a sound conversion of a healthy model may be from the original, in mean square error over variance."""


@dataclass(frozen=True)
class Work:
    """What a technique works on."""

    model: Path
    """Folder of the model."""
    format: Format
    output: Path
    """Empty folder for the artifact."""
    data: Path | None
    """Folder of the data set."""
    seed: int
    on_progress: OnProgress
    original: Path | None = None
    """Folder of the model that the recipe began with, for steps that teach a changed model by it."""
    device: DeviceSpec = CPU
    """What it may compute on."""
    batch_axes: Mapping[str, int | None] = field(default_factory=dict)
    """Inputs whose samples do not lie along the first axis, see `Tensor.batch_axis`."""

    @property
    def report(self) -> OnProgress:
        """The former name of `on_progress`, for techniques that were written for it."""
        warnings.warn("Work.report is now called Work.on_progress", DeprecationWarning, stacklevel=2)
        return self.on_progress


@dataclass(frozen=True)
class Done:
    """What a technique says of its work, beyond the files in its output."""

    warnings: tuple[str, ...] = ()
    notes: dict[str, Any] = field(default_factory=dict)


class Technique(Protocol):
    """The shape of a module in techniques/."""

    PARAMS: type[Params]
    CARD: Card

    def run(self, work: Work, params: Any) -> Done:
        """Fills work.output; raises a TaskError that says why it cannot."""
        ...
