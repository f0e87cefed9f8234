"""What the API says of a technique: the formats that it takes and yields, its needs, and its parameters."""

import math
from typing import Any

from optfarm_tasks.description import Format
from optfarm_tasks.schema.recipe import Scalar
from optfarm_tasks.schema.value import Value, WireMessage


class Memory(Value):
    """What a conversion takes at its peak; checked at submit: only devices that have it are given the task."""

    base_bytes: int
    factor: float
    """Times the size of the model's files."""

    def of(self, model_bytes: int) -> int:
        """Bytes for a model of that size."""
        return self.base_bytes + math.ceil(self.factor * model_bytes)


class Bounds(Value):
    """Where a number lies; None where there is no end, open where the end itself is out."""

    lower: float | None
    upper: float | None
    is_lower_open: bool = False
    is_upper_open: bool = False


class Parameter(Value):
    """A parameter as `techniques show` prints it."""

    name: str
    type: str
    default: Any
    description: str
    range: str
    is_required: bool = False
    """Whether it has no default."""
    bounds: Bounds | None = None
    """Of a number."""
    choices: tuple[Scalar, ...] = ()
    """Of a word or a truth value that has a few."""


class TechniqueCard(WireMessage):
    """A technique as the API describes it."""

    name: str
    summary: str
    description: str
    accepts: tuple[Format, ...]
    yields: tuple[Format, ...]
    converts: dict[Format, Format]
    """Format in → format out."""
    needs_calibration: bool
    needs_training_data: bool = False
    needs_gpu: bool
    memory: Memory | None = None
    modules: tuple[str, ...]
    parameters: tuple[Parameter, ...]
