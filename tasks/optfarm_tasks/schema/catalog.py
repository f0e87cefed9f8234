"""Models and data sets as people register them, under names that may come to mean something else."""

from datetime import datetime

from optfarm_tasks.description import DataDescription, ModelDescription
from optfarm_tasks.schema.name import Name
from optfarm_tasks.schema.tree import Digest, Tree
from optfarm_tasks.schema.value import Value, WireMessage


class Rename(Value):
    """Gives what has one name another."""

    name: Name


class NewModel(WireMessage):
    """Registers a pushed tree as a model under a name."""

    name: Name
    tree: Tree
    description: ModelDescription


class Model(NewModel):
    """A registered model."""

    digest: Digest
    created_at: datetime
    replaced: Digest | None = None
    """In the answer to a push: what the name meant until then, if that was something else."""


class NewData(WireMessage):
    """Registers a pushed tree as a data set under a name."""

    name: Name
    tree: Tree
    description: DataDescription


class Data(NewData):
    """A registered data set."""

    digest: Digest
    created_at: datetime
    replaced: Digest | None = None
    """As of a Model."""
