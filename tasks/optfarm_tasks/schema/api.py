"""Answers of the HTTP API beside those of one sweep: where blobs go, what went wrong, how the service is."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from optfarm_tasks.schema.sweep import SweepState
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
    state: SweepState
    model: str
    """The name under which it was pushed."""
    created_at: datetime
    finished_at: datetime | None
    tasks: int
    done: int
    failed: int
    """Tasks that failed, or were blocked by one that did."""
