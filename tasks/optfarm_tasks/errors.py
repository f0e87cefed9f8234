"""Why a task failed, as one tree; a class says what the caller does next.

TaskError
├── BadInput          fix what was handed in
│   ├── BadModel        the model cannot be read or run
│   ├── BadData         the data set cannot be read or does not fit the model
│   ├── BadParameter    a technique, a parameter or a selector is wrong
│   │   └── MissingParameter  give the parameter that has no default
│   ├── UnsupportedOp   this technique cannot take an op of this model
│   └── NothingToDo     leave the technique out: the model has nothing that it works on
├── OutOfMemory       give it more memory
├── Timeout           give it more time
├── MissingToolchain  install what the technique or runtime imports
├── DamagedObject     push the same content again: the store has lost it
├── WorkerLost        nothing: the scheduler runs the task again
└── Internal          report it: this is a defect of the farm
"""

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """The typed reason of a failed task, as reports and the API name it."""

    UNSUPPORTED_OP = "unsupported_op"
    OUT_OF_MEMORY = "out_of_memory"
    TIMEOUT = "timeout"
    BAD_MODEL = "bad_model"
    BAD_DATA = "bad_data"
    BAD_PARAMETER = "bad_parameter"
    MISSING_TOOLCHAIN = "missing_toolchain"
    WORKER_LOST = "worker_lost"
    INTERNAL = "internal"
    DAMAGED_OBJECT = "damaged_object"
    NOTHING_TO_DO = "nothing_to_do"
    """No failure: the technique has nothing to work on in this model, so the task is skipped."""


class TaskError(Exception):
    """Root of everything a task raises on purpose."""

    reason: ClassVar[Reason] = Reason.INTERNAL


class BadInput(TaskError):
    """What was handed in is wrong; the same input fails again."""


class BadModel(BadInput):
    """The model cannot be read or run."""

    reason = Reason.BAD_MODEL


class BadData(BadInput):
    """The data set cannot be read, or does not fit the model's signature."""

    reason = Reason.BAD_DATA


class BadParameter(BadInput):
    """A technique, a parameter or a selector does not exist or is out of its range."""

    reason = Reason.BAD_PARAMETER


class MissingParameter(BadParameter):
    """A parameter without a default was not given."""


class UnsupportedOp(BadInput):
    """The technique cannot take an op of this model."""

    reason = Reason.UNSUPPORTED_OP


class NothingToDo(BadInput):
    """The model has nothing that the technique works on, so its artifact would be the model as it is."""

    reason = Reason.NOTHING_TO_DO


class OutOfMemory(TaskError):
    """The task passed its memory limit."""

    reason = Reason.OUT_OF_MEMORY


class Timeout(TaskError):
    """The task passed its time limit."""

    reason = Reason.TIMEOUT


class MissingToolchain(TaskError):
    """A module that the technique or runtime imports is absent here."""

    reason = Reason.MISSING_TOOLCHAIN


class DamagedObject(TaskError):
    """The store cannot give an input any more, or gives other bytes."""

    reason = Reason.DAMAGED_OBJECT

    def __init__(self, message: str, *, digest: str) -> None:
        super().__init__(message)
        self.digest = digest


class WorkerLost(TaskError):
    """The worker that held the task went away."""

    reason = Reason.WORKER_LOST


class Internal(TaskError):
    """A defect of the farm."""
