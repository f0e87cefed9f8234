"""What the scheduler may decide to do; each is applied by one function of the ledger."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resolve:
    """All inputs are known: look whether the result is stored; else the task is ready."""

    task_id: str


@dataclass(frozen=True)
class Block:
    """An input will never be made."""

    task_id: str


@dataclass(frozen=True)
class Dispatch:
    """Send a message for the task to the device, under a new token."""

    task_id: str
    device: str


@dataclass(frozen=True)
class Recall:
    """The message will not be claimed, and no other device is free: ready again."""

    task_id: str


@dataclass(frozen=True)
class Expire:
    """The lease ran out: resolve the task anew."""

    task_id: str


@dataclass(frozen=True)
class GiveUp:
    """The lease ran out once too often."""

    task_id: str


@dataclass(frozen=True)
class Move:
    """Its device measures nothing now: bind the benchmark to another one of the same class."""

    task_id: str
    device: str


@dataclass(frozen=True)
class Check:
    """Send a canary to the device, unless its `canary_at` is no longer what it was."""

    device: str
    canary_at: float


@dataclass(frozen=True)
class EndSweep:
    """Every task of the sweep is at its end."""

    sweep_id: str


Action = Resolve | Block | Dispatch | Recall | Expire | GiveUp | Move | Check | EndSweep
