"""Reads the header of a `.coded` file, which describes the model within, so that nothing need be decoded."""

from pathlib import Path

from optfarm_tasks.coding import container
from optfarm_tasks.description import Format, ModelDescription


def describe(path: Path, *, size_bytes: int) -> ModelDescription:
    """A coded model as its header describes it: signatures, weights and ops of the model within, and its own size.

    Raises:
        BadModel: it is something else.
        Malformed: it is truncated or damaged.
        OSError: it cannot be read.
    """
    model = container.read_header(path).model
    return model.model_copy(update={"format": Format.CODED, "size_bytes": size_bytes})
