"""Decides when a device gets a canary: after its worker's start and once a day, while it has nothing else to do."""

from collections.abc import Iterable
from dataclasses import dataclass

from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask
from optfarm_scheduler.decisions.states import ENDS, IN_FLIGHT
from optfarm_tasks.schema.device import DeviceKind, Inventory
from optfarm_tasks.schema.health import HealthState
from optfarm_tasks.schema.measurement import holds_one
from optfarm_tasks.schema.spec import Kind


@dataclass(frozen=True)
class CanaryRules:
    """When canaries run, in seconds."""

    every_s: float = 86_400.0
    """How often, for a device in good health; 0 is never."""
    again_s: float = 600.0
    """How often while too few have run to judge by, in quarantine, and after an A/A twin that failed."""
    idle_s: float = 60.0
    """A device that ended a task or started less than this ago is not idle: more work may follow."""
    patience_s: float = 3600.0
    """A canary that has been due for longer no longer waits for its device to be idle."""


CANARY_RULES = CanaryRules()
GPU_RUNTIME = "torch"
"""What the canary of a GPU computes with; without it there is none."""


def due_at(device: KnownDevice, rules: CanaryRules = CANARY_RULES) -> float | None:
    """When the next canary is due, in seconds since the epoch; None for never."""
    if not rules.every_s or not has_canary(device.inventory):
        return None
    if device.canary_at < device.started_at:
        return device.started_at
    return device.canary_at + (rules.again_s if _is_doubtful(device) else rules.every_s)


def has_canary(device: Inventory) -> bool:
    """Whether there is fixed work for a device: a processor's needs nothing, a GPU's a toolchain that reaches it."""
    offered = {name for toolchain in device.toolchains for name in toolchain.runtimes}
    return device.kind == DeviceKind.CPU or GPU_RUNTIME in offered


def wants_canary(device: KnownDevice, tasks: Iterable[OpenTask], now: float, rules: CanaryRules = CANARY_RULES) -> bool:
    """Whether a canary is to be sent to a device that is alive.

    Args:
        device: the device.
        tasks: all tasks of all running sweeps, and the canaries that have not ended.
        now: seconds since the epoch.
        rules: when canaries run.
    """
    due = due_at(device, rules)
    if due is None or now < due:
        return False
    there = [task for task in tasks if task.state not in ENDS]
    if any(task.kind is Kind.CANARY and task.pinned_to == device.name for task in there):
        return False
    return now - due >= rules.patience_s or _is_idle(device, there, now, rules)


def _is_doubtful(device: KnownDevice) -> bool:
    health = device.health
    is_unknown = health.state is not HealthState.GOOD
    return is_unknown or (health.canary is not None and not holds_one(health.canary.null_ci95))


def _is_idle(device: KnownDevice, tasks: Iterable[OpenTask], now: float, rules: CanaryRules) -> bool:
    if now - max(device.freed_at, device.started_at) < rules.idle_s:
        return False
    return not any(_is_on_host(task, device) or _may_come(task, device) for task in tasks)


def _is_on_host(task: OpenTask, device: KnownDevice) -> bool:
    return task.state in IN_FLIGHT and (task.device or "").startswith(f"{device.inventory.host}.")


def _may_come(task: OpenTask, device: KnownDevice) -> bool:
    return task.pinned_to in (None, device.name) and device.can_take(task)
