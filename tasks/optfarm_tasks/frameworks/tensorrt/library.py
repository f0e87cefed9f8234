"""Imports TensorRT or TensorRT-RTX, which have one API, and keeps what they log."""

import importlib
from dataclasses import dataclass, field
from typing import Any

from optfarm_tasks.errors import OutOfMemory, TaskError
from optfarm_tasks.formats.tensorrt import Builder

MODULES: dict[Builder, str] = {"tensorrt": "tensorrt", "tensorrt-rtx": "tensorrt_rtx"}
NAMES: dict[Builder, str] = {"tensorrt": "TensorRT", "tensorrt-rtx": "TensorRT-RTX"}
_NO_ROOM = ("OutOfMemory", "out of memory", "MEM_ALLOC_FAILED")
"""What a log says when memory ran out, of the host or of the GPU."""


@dataclass
class Library:
    """One of the two, and the lines that it logged as errors since the last question."""

    builder: Builder
    trt: Any
    logger: Any = None
    errors: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The library and its version, as people call it."""
        return f"{NAMES[self.builder]} {self.trt.__version__}"

    def failure(self, kind: type[TaskError], what: str) -> TaskError:
        """The farm's own error for what was logged; `what` begins its message."""
        said = "; ".join(dict.fromkeys(" ".join(line.split()) for line in self.errors)) or "it does not say why"
        self.errors.clear()
        exhausted = any(sign in said for sign in _NO_ROOM)
        return (OutOfMemory if exhausted else kind)(f"{what}: {said}")


def library(builder: Builder) -> Library:
    """The library of a builder; who calls has made sure that it imports here."""
    found = Library(builder, importlib.import_module(MODULES[builder]))
    found.logger = _logger(found.trt, found.errors)
    return found


def _logger(trt: Any, errors: list[str]) -> Any:
    class Log(trt.ILogger):  # type: ignore[misc] # the base is known at run time only
        def __init__(self) -> None:
            super().__init__()

        def log(self, severity: Any, message: str) -> None:
            if severity <= trt.ILogger.Severity.ERROR:
                errors.append(message)

    return Log()
