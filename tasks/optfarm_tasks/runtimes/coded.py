"""Coded models: decoded into a folder that lives while they are loaded, then run as what they are."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from optfarm_tasks import formats, instruction_sets, registry
from optfarm_tasks.coding import container
from optfarm_tasks.description import Format
from optfarm_tasks.errors import BadModel
from optfarm_tasks.runtime import Runtime, Session
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS = frozenset({Format.CODED})
MODULES = ("tensorflow", "ai_edge_litert.interpreter")
"""What the models within run with."""
DEVICES = frozenset({DeviceKind.CPU})
INSTRUCTION_SETS = instruction_sets.FLOATS


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
    """Decodes and loads; what runs is no different from the model that was coded.

    Raises:
        BadModel: the file is damaged, or the runtime of the model within refuses it.
        MissingToolchain: that runtime does not import here.
    """
    with _decoded(model) as (folder, runtime):
        return runtime.load(folder, threads=threads, device=device)


def ends(model: Path) -> tuple[str, ...]:
    """What the graph of the model within computes and nothing in it takes."""
    with _decoded(model) as (folder, runtime):
        return runtime.ends(folder)


@contextmanager
def _decoded(model: Path) -> Iterator[tuple[Path, Runtime]]:
    file = formats.file_of(model)
    # A loaded SavedModel has read its files; LiteRT has mapped its one, which stays while it is mapped.
    with tempfile.TemporaryDirectory(prefix="decoded-") as folder:
        container.decode(file, Path(folder))
        found = formats.detect(Path(folder))
        if found is Format.CODED:
            raise BadModel(f"{file} holds a coded model; decode it first")
        yield Path(folder), registry.runtime(registry.runtime_for(found))
