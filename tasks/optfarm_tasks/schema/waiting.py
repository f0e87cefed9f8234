"""What a task waits for, typed and in words, so that every view of it says the same."""

from datetime import datetime
from enum import StrEnum

from optfarm_tasks.schema.value import Value


class WaitsFor(StrEnum):
    """What has to happen before a task goes on."""

    TASKS = "tasks"
    """Others make its inputs."""
    SAME_WORK = "same_work"
    """Another task does the same work, and its result will count for both."""
    DEVICE = "device"
    """Others are before it on its device or on that host."""
    WORKER = "worker"
    """It was sent to a device that is free, and the worker there has not taken it up yet."""
    MACHINE = "machine"
    """A worker has it, and another process holds the lock of the whole machine, or computes on the worker's GPU."""
    QUIET = "quiet"
    """Its measurement was disturbed, and is taken again after a pause."""
    QUARANTINE = "quarantine"
    """Its device is in quarantine."""
    OFFLINE = "offline"
    """The worker of every device that could take it is silent."""
    TOOLCHAIN = "toolchain"
    """No device that it may run on offers what it needs any more."""


class Holder(Value):
    """A process that holds the machine, or a GPU of it."""

    pid: int
    name: str
    """Its program, without the arguments; empty where the process has ended or the system does not tell."""
    memory_bytes: int | None = None
    """What it holds of the GPU, where the driver tells."""


class Waiting(Value):
    """What a task waits for."""

    reason: WaitsFor
    message: str
    """In words, without times."""
    since: datetime | None = None
    """When the wait began, by the clock of who says so; for a silent device when it was last heard of."""
    until: datetime | None = None
    """When it goes on by itself, where that is known."""
    behind: str | None = None
    """The task that runs where this one waits."""
    behind_sweep: str | None = None
    """The sweep of that task."""
    ahead: int | None = None
    """How many tasks come before it, the running one among them."""
    holders: tuple[Holder, ...] = ()
    """Who holds the machine or the GPU, as far as the system tells."""
    flags: tuple[str, ...] = ()
    """What disturbed the measurement."""
    attempt: int | None = None
    """The attempt at the measurement that was disturbed, from 1 on."""
    attempts: int | None = None
    """How many there are at most."""
