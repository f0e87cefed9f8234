"""Where an input of a task comes from: a registered model or data set, or what another task makes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from optfarm_tasks.schema.spec import Role


class Origin(StrEnum):
    """What holds the tree."""

    MODEL = "model"
    DATA = "data"
    TASK = "task"


@dataclass(frozen=True)
class Source:
    """The tree of an input; its text, such as task:0123456789ab-001, is how the database keeps it."""

    origin: Origin
    name: str
    """Digest of a registered tree, or id of the task whose outputs are meant."""

    def __str__(self) -> str:
        return f"{self.origin}:{self.name}"

    @classmethod
    def parse(cls, text: str) -> "Source":
        """The source of a text.

        Raises:
            ValueError: it names no origin.
        """
        origin, _, name = text.partition(":")
        return cls(Origin(origin), name)


def inputs_of(stored: Mapping[str, str]) -> dict[Role, Source]:
    """The inputs of a task as the database keeps them."""
    return {Role(role): Source.parse(text) for role, text in stored.items()}
