"""Answers of the HTTP API beside those of one sweep: where blobs go, what went wrong, how the service is."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from optfarm_tasks.schema.spec import Task
from optfarm_tasks.schema.sweep import Purpose, SweepState
from optfarm_tasks.schema.tree import Digest
from optfarm_tasks.schema.value import Value, WireMessage


class Upload(Value):
    """Where a missing blob goes: one URL, or one for each part of part_bytes."""

    sha256: Digest
    urls: tuple[str, ...]
    part_bytes: int | None = None
    upload_id: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers that were signed and have to be sent."""


class Problem(WireMessage):
    """An error as the API answers it (RFC 9457); served as application/problem+json."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: tuple[dict[str, Any], ...] = ()


class Health(WireMessage):
    """ok, or why not, for each part that the scheduler stands on."""

    status: Literal["ok", "degraded"]
    database: str
    broker: str
    store: str


class SweepSummary(Value):
    """A sweep in a line."""

    id: str
    label: str | None = None
    """What people call it."""
    purpose: Purpose = Purpose.SWEEP
    state: SweepState
    model: str
    """The name under which it was pushed."""
    data: str | None = None
    """The same of the data set."""
    recipes: int = 0
    created_at: datetime
    finished_at: datetime | None
    tasks: int
    done: int
    failed: int
    blocked: int = 0
    """Tasks that make no sense any more because one failed that makes their inputs."""
    cancelled: int = 0


class TaskFolder(WireMessage):
    """What a task's folder is made from, to run the task again anywhere."""

    task: Task
    toolchain: dict[str, str]
    """Distribution → version that the task runs with."""
    urls: dict[Digest, str]
    """Digest → presigned URL of each input file."""
