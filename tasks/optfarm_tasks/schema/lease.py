"""What a worker and the scheduler say to each other about one task."""

from datetime import datetime

from pydantic import Field

from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.spec import Task
from optfarm_tasks.schema.tree import Digest
from optfarm_tasks.schema.value import WireMessage
from optfarm_tasks.schema.waiting import Waiting


class Claim(WireMessage):
    """A worker asks for the task that a message named. Refused with 409 when the token is not the live one."""

    token: int
    """The fencing token of this dispatch; a later dispatch of the same task has a larger one."""
    device: str


class Lease(WireMessage):
    """The worker holds the task for ttl_s from each heartbeat on."""

    task_id: str
    sweep_id: str | None
    """Null for a canary."""
    key: Digest
    task: Task
    toolchain: str
    """Name of the toolchain on the device that runs the child."""
    attempt: int
    ttl_s: float
    heartbeat_s: float


class Progress(WireMessage):
    """How far a running task is."""

    phase: str
    fraction: float = Field(ge=0, le=1)
    waiting: Waiting | None = None
    """While it does nothing but wait: for what."""


class Heartbeat(WireMessage):
    """Keeps the lease alive. Answered with 409 when the lease is lost or the task cancelled."""

    token: int
    progress: Progress | None = None


class Finish(WireMessage):
    """The end of a task: exactly one of result and failure is set. Accepted only under the live token."""

    token: int
    result: Result | None = None
    failure: Failure | None = None
    log: Digest | None = None
    """The whole log, as a blob."""
    finished_at: datetime
