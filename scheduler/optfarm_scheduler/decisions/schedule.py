"""Decides what happens next on the farm, from tasks, devices and the time alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from optfarm_scheduler.decisions.actions import (
    Action,
    Block,
    Check,
    Dispatch,
    EndSweep,
    Expire,
    GiveUp,
    Move,
    Recall,
    Resolve,
)
from optfarm_scheduler.decisions.canaries import CANARY_RULES, CanaryRules, wants_canary
from optfarm_scheduler.decisions.occupancy import RULES, Occupancy, OpenTask, Presence, Rules, is_alive
from optfarm_scheduler.decisions.reassignment import elsewhere, measured_in
from optfarm_scheduler.decisions.states import IN_FLIGHT, is_over
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState

UNDELIVERABLE = frozenset({TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED})


def schedule(
    tasks: Iterable[OpenTask],
    devices: Iterable[Presence],
    now: float,
    *,
    since: float = 0.0,
    rules: Rules = RULES,
    canary_rules: CanaryRules = CANARY_RULES,
) -> tuple[Action, ...]:
    """What is to be done now; the same answer for every order of the input.

    Args:
        tasks: all tasks of all running sweeps, and the canaries that have not ended.
        devices: all devices ever seen.
        now: seconds since the epoch.
        since: when this scheduler started. While it was away nobody could renew a lease, so neither
            leases nor presence run out before it has listened for a while.
        rules: the numbers.
        canary_rules: those of canaries.
    """
    ordered = sorted(tasks, key=_turn)
    present = {device.name: device for device in sorted(devices, key=lambda device: device.name)}
    alive = [device for device in present.values() if is_alive(device, now, rules)]
    return (
        *_resolutions(ordered),
        *_expiries(ordered, now, since, rules),
        *_assignments(ordered, present, now, since, rules),
        *_moves(ordered, present, alive),
        *(Check(device.name, device.canary_at) for device in alive if wants_canary(device, ordered, now, canary_rules)),
        *_ends(ordered),
    )


def _turn(task: OpenTask) -> tuple[bool, float, str, int, str]:
    """A canary that was sent off is due, and what is measured after it is worth more."""
    return task.kind is not Kind.CANARY, task.ready_at, task.sweep_id or "", task.position, task.id


def _resolutions(tasks: Sequence[OpenTask]) -> Iterator[Action]:
    states = {task.id: task.state for task in tasks}
    for task in tasks:
        if task.state is not TaskState.PENDING:
            continue
        needed = [states[each] for each in task.depends_on]
        if any(state in UNDELIVERABLE for state in needed):
            yield Block(task.id)
        elif all(state is TaskState.DONE for state in needed):
            yield Resolve(task.id)


def _expiries(tasks: Sequence[OpenTask], now: float, since: float, rules: Rules) -> Iterator[Action]:
    for task in tasks:
        if task.state is TaskState.RUNNING and now > max(task.lease_until, since + rules.presence_s):
            yield Expire(task.id) if task.attempt < rules.attempts else GiveUp(task.id)


def _ends(tasks: Sequence[OpenTask]) -> Iterator[Action]:
    sweeps: dict[str, list[TaskState]] = {}
    for task in tasks:
        if task.sweep_id is not None:
            sweeps.setdefault(task.sweep_id, []).append(task.state)
    for sweep_id in sorted(sweeps):
        if is_over(sweeps[sweep_id]):
            yield EndSweep(sweep_id)


def _moves(tasks: Sequence[OpenTask], present: Mapping[str, Presence], alive: Sequence[Presence]) -> Iterator[Move]:
    measured = measured_in(tasks)
    for task in tasks:
        home = present.get(task.pinned_to or "")
        if task.state is TaskState.READY and home is not None and home.is_quarantined:
            device = elsewhere(task, alive, home=home.inventory, measured=measured.get(task.sweep_id, ()))
            if device is not None:
                yield Move(task.id, device)


def _assignments(
    tasks: Sequence[OpenTask], present: Mapping[str, Presence], now: float, since: float, rules: Rules
) -> Iterator[Action]:
    running = {task.device for task in tasks if task.state is TaskState.RUNNING}
    lost = {task.id for task in tasks if _is_lost(task, present, running, now=now, since=since, rules=rules)}
    floor = Occupancy.of([task for task in tasks if task.state in IN_FLIGHT and task.id not in lost])
    alive = [device for device in present.values() if is_alive(device, now, rules)]
    for task in tasks:
        if task.state is not TaskState.READY and task.id not in lost:
            continue
        device = floor.place(task, alive, rules)
        if device is not None:
            yield Dispatch(task.id, device)
        elif task.id in lost:
            yield Recall(task.id)


def _is_lost(
    task: OpenTask,
    present: Mapping[str, Presence],
    running: set[str | None],
    *,
    now: float,
    since: float,
    rules: Rules,
) -> bool:
    if task.state is not TaskState.DISPATCHED:
        return False
    device = present.get(task.device or "")
    if device is None or (device.is_quarantined and task.kind.needs_trust):
        return True
    if not is_alive(device, now, rules):
        return now - since > rules.presence_s
    return device.name not in running and now - max(task.dispatched_at, device.freed_at, since) > rules.claim_s
