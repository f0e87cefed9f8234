"""Loads and stores exported programs (.pt2), with how the runtime is to run them."""

import contextlib
import io
import json
import logging
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from optfarm_tasks import formats
from optfarm_tasks.errors import BadModel, UnsupportedOp
from optfarm_tasks.formats import pt2
from optfarm_tasks.frameworks.imports import blaming
from optfarm_tasks.frameworks.torch import containers
from optfarm_tasks.schema.value import Value
from optfarm_tasks.technique import Work

FILE = "model.pt2"
MODULES = ("torch",)

_SETTINGS = "optfarm.json"
_PICKLES = (".pt", ".pkl")
_PASSING = ("from_node", "stack_trace")
_UNKNOWN = re.compile(r"failed to resolve torch\.ops\.(\w+\.\w+)")
_OBJECTS = ("custom_obj", "opaque_obj")


class Running(Value):
    """How an exported program is run, as an extra file of the archive says."""

    model_config = ConfigDict(extra="forbid")

    compile: str | None = None
    """The mode of torch.compile; None runs it op by op."""
    autocast: str | None = None
    """The type in which layers compute that are good enough in it."""
    tf32: bool = False
    """Whether a GPU may round the float32 that products and convolutions take to 10 bits of precision."""
    cuda_graph: bool = False
    """Whether a GPU records the kernels of a request once and replays them."""


def load(model: Path) -> tuple[Any, Running]:
    """The ExportedProgram of a model's folder, and how it is run.

    Raises:
        BadModel: it holds a pickle that could run code, or PyTorch cannot read it.
        UnsupportedOp: an op of it is not registered here; it is named.
    """
    import torch
    import torch.ao.quantization.fx._decomposed  # registers the ops that quantise

    file = formats.file_of(model)
    with blaming(BadModel, "PyTorch cannot read the model"), _naming_causes():
        _refuse_pickles(file)
        containers.register(pt2.ends(file).containers)
        extra = {_SETTINGS: ""}
        program = torch.export.load(file, extra_files=extra)
        stored = extra[_SETTINGS]
        return program, Running.model_validate_json(stored) if stored else Running()


def save(program: Any, work: Work, running: Running | None = None) -> None:
    """Stores an ExportedProgram, without the inputs that it was exported with.

    Raises:
        BadModel: PyTorch cannot store it.
    """
    import torch

    work.on_progress("writing", 0.95)
    program.example_inputs = None
    # Addresses in memory and places in files: equal programs would give other files.
    for node in program.graph.nodes:
        for key in _PASSING:
            node.meta.pop(key, None)
    extra = {} if running is None else {_SETTINGS: running.model_dump_json()}
    with blaming(BadModel, "PyTorch cannot store the model"):
        torch.export.save(program, work.output / FILE, extra_files=extra)


@contextlib.contextmanager
def _naming_causes() -> Iterator[None]:
    """PyTorch raises what says nothing, and logs why."""
    said = _Said()
    logger = logging.getLogger("torch.export")
    logger.addHandler(said)
    try:
        yield
    except RuntimeError as error:
        cause = said.error
        while cause is not None and cause.__cause__ is not None:
            cause = cause.__cause__
        if found := _UNKNOWN.search(str(cause)):
            raise UnsupportedOp(
                f"PyTorch does not know the op {found[1]}: the package that registers it is not in this toolchain"
            ) from error
        if isinstance(cause, Exception):
            raise cause from error
        raise
    finally:
        logger.removeHandler(said)


class _Said(logging.Handler):
    """Keeps the error that was logged last."""

    error: BaseException | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Takes it from the record."""
        self.error = record.exc_info[1] if record.exc_info else self.error


def _refuse_pickles(file: Path) -> None:
    """Passes when all pickles of an archive hold tensors alone; PyTorch would read others with whatever they call.

    Raises:
        BadModel: one does not.
    """
    import torch

    with zipfile.ZipFile(file) as archive:
        listed = _listed_pickles(archive)
        for name in archive.namelist():
            leaf = name.rpartition("/")[2]
            if leaf.startswith(_OBJECTS):
                raise BadModel(f"the model keeps an object of a class of its own as a pickle, which runs code: {leaf}")
            is_read = "/data/" in name and archive.getinfo(name).file_size > 0
            if not is_read or not (leaf.endswith(_PICKLES) or name in listed):
                continue
            try:
                torch.load(io.BytesIO(archive.read(name)), weights_only=True)
            except Exception as error:
                raise BadModel(
                    f"the model keeps a pickle that is not of tensors alone, and reading it could run code: {leaf}; "
                    f"set example_inputs of the exported program to None and save it again"
                ) from error


def _listed_pickles(archive: zipfile.ZipFile) -> frozenset[str]:
    """The members that the lists of weights and constants say to be pickles."""
    lists = {name.rpartition("/")[0]: json.loads(archive.read(name)) for name in archive.namelist() if _is_list(name)}
    return frozenset(
        f"{folder}/{entry['path_name']}"
        for folder, found in lists.items()
        for entry in found["config"].values()
        if entry["use_pickle"]
    )


def _is_list(name: str) -> bool:
    return "/data/" in name and name.endswith("_config.json")
