"""How a pushed model is called, where its files leave it open; kept with the model, and part of the keys of work."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from optfarm_tasks.schema.recipe import Scalar
from optfarm_tasks.schema.value import Value

BatchAxes = Annotated[Mapping[str, int | None], Field(exclude_if=lambda it: not it)]
"""Input or output → which axis counts the samples, where that is not the first; None where none does."""


class Feeding(Value):
    """What is fed and fetched."""

    inputs: tuple[str, ...] = Field(default=(), exclude_if=lambda it: not it)
    """Inputs with a default that are fed all the same."""
    outputs: tuple[str, ...] = Field(default=(), exclude_if=lambda it: not it)
    """What is fetched; everything that the model gives when empty."""
    constants: Mapping[str, Scalar] = Field(default_factory=dict, exclude_if=lambda it: not it)
    """Inputs that always get one value, which every element of theirs has."""
    batch_axes: BatchAxes = Field(default_factory=dict)

    @property
    def changes_model(self) -> bool:
        """Whether the model has to be made another one before it is converted."""
        return bool(self.inputs or self.outputs or self.constants)


NOTHING = Feeding()
