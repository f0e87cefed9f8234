"""Makes what a client registers once its files are pushed."""

import hashlib

from optfarm_tasks.description import Format, ModelDescription
from optfarm_tasks.schema.catalog import NewModel
from optfarm_tasks.schema.tree import File, Tree
from tests.results import SIGNATURE


def new_model(name: str = "model", content: bytes = b"model", *, path: str = "saved_model.pb") -> NewModel:
    """A model of one file."""
    file = File(path=path, sha256=hashlib.sha256(content).hexdigest(), size_bytes=len(content))
    described = ModelDescription(format=Format.SAVED_MODEL, signatures=(SIGNATURE,), size_bytes=len(content))
    return NewModel(name=name, tree=Tree(files=(file,)), description=described)
