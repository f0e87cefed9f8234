"""Inspects a model: what its files say, and what its runtime makes of it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optfarm_tasks import formats, registry
from optfarm_tasks.coding import packed
from optfarm_tasks.description import KERAS_FORMATS, Format, ModelDescription
from optfarm_tasks.errors import Internal
from optfarm_tasks.formats.graph_outputs import UNKNOWN
from optfarm_tasks.frameworks.keras import as_saved_model
from optfarm_tasks.runtime import Session
from optfarm_tasks.schema.result import Inspection
from optfarm_tasks.schema.spec import Inspect, Role, Task
from optfarm_tasks.schema.tree import scan
from optfarm_tasks.technique import OnProgress


def run(folder: Path, task: Task, on_progress: OnProgress) -> Inspection:
    """Inspects inputs/model of a task's folder; the model is loaded, and its code may run.

    Raises:
        BadModel: it cannot be read or loaded.
        MissingToolchain: its runtime does not import here.
    """
    if not isinstance(task.action, Inspect):
        raise Internal(f"a {task.action.kind} task reached the inspection")
    model = folder / "inputs" / Role.MODEL
    described = formats.describe(model)
    on_progress("loading", 0.1)
    with _runnable(model, described.format) as (place, kind):
        name = registry.runtime_for(kind, device=task.device.kind)
        runtime = registry.runtime(name)
        session = runtime.load(place, threads=0, device=task.device)
        return Inspection(
            description=_completed(described, session),
            outputs=runtime.ends(place),
            sizes_bytes={file.path: file.size_bytes for file in scan(model).files},
            notes={
                "runtime": name,
                "precision": session.precision,
                "gzip_bytes": packed.gzip_bytes(model),
                "inputs": [str(tensor) for tensor in session.signature.inputs],
                "outputs": [str(tensor) for tensor in session.signature.outputs],
                **_optional(described),
            },
        )


@contextmanager
def _runnable(model: Path, kind: Format) -> Iterator[tuple[Path, Format]]:
    """The model in a format that a runtime loads: of a Keras file, its export."""
    if kind not in KERAS_FORMATS:
        yield model, kind
        return
    with tempfile.TemporaryDirectory(dir=model.parent.parent, prefix="export-") as folder:
        as_saved_model.export(model, Path(folder))
        yield Path(folder), Format.SAVED_MODEL


def _completed(described: ModelDescription, session: Session) -> ModelDescription:
    """The description with the outputs that the runtime knows, where the files do not name them."""
    known = described.signature.outputs
    if known and all(each.shape is not None and each.dtype != UNKNOWN for each in known):
        return described
    completed = described.signature.model_copy(update={"outputs": session.signature.outputs})
    return described.model_copy(update={"signatures": (completed, *described.signatures[1:])})


def _optional(described: ModelDescription) -> dict[str, list[str]]:
    found = [str(tensor) for tensor in described.signature.optional]
    return {"optional_inputs": found} if found else {}
