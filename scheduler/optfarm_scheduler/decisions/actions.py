"""What the scheduler may decide to do; the ledger carries it out."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resolve:
    """All inputs are made: look whether the result is stored already; if it is not, the task becomes ready."""

    task_id: str


@dataclass(frozen=True)
class Block:
    """End the task: one that makes its inputs ended without a result."""

    task_id: str


@dataclass(frozen=True)
class Skip:
    """End the task: one that makes its inputs was skipped, and all others of them are well."""

    task_id: str


@dataclass(frozen=True)
class Dispatch:
    """Send a message for the task to the device, under a new token."""

    task_id: str
    device: str


@dataclass(frozen=True)
class Recall:
    """Make the task ready again: its message was lost, and no device is free for another one."""

    task_id: str


@dataclass(frozen=True)
class Expire:
    """Make the task pending again: its lease ran out, and its worker may have stored the result before."""

    task_id: str


@dataclass(frozen=True)
class GiveUp:
    """End the task as failed: its lease ran out once too often."""

    task_id: str


@dataclass(frozen=True)
class Reassign:
    """Pin the benchmark to another device of the same class: its own is in quarantine."""

    task_id: str
    device: str


@dataclass(frozen=True)
class SendCanary:
    """Add a canary for the device, unless its `canary_at` changed since this was decided."""

    device: str
    canary_at: float


@dataclass(frozen=True)
class EndSweep:
    """End the sweep: all its tasks have ended."""

    sweep_id: str


Action = Resolve | Block | Skip | Dispatch | Recall | Expire | GiveUp | Reassign | SendCanary | EndSweep
