"""Decides what happens next on the farm, from tasks, devices and the time alone."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from optfarm_scheduler.decisions import actions
from optfarm_scheduler.decisions.canaries import CANARY_RULES, CanaryRules, wants_canary
from optfarm_scheduler.decisions.occupancy import Occupancy
from optfarm_scheduler.decisions.reassignment import measured_in, replacement
from optfarm_scheduler.decisions.snapshot import RULES, KnownDevice, OpenTask, Rules, is_alive
from optfarm_scheduler.decisions.states import IN_FLIGHT, is_over
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState

WITHOUT_RESULT = frozenset({TaskState.FAILED, TaskState.BLOCKED, TaskState.CANCELLED})
"""Ends of a task after which nothing that takes its outputs can run."""


def schedule(
    tasks: Iterable[OpenTask],
    devices: Iterable[KnownDevice],
    now: float,
    *,
    since: float = 0.0,
    rules: Rules = RULES,
    canary_rules: CanaryRules = CANARY_RULES,
) -> tuple[actions.Action, ...]:
    """The actions to take now; the same for every order of the input.

    Args:
        tasks: all tasks of all running sweeps, and the canaries that have not ended.
        devices: all devices ever seen.
        now: seconds since the epoch.
        since: when this scheduler started, or its clock was set, in the same seconds. While it was down nobody could
            renew a lease or register, so no lease runs out and no device counts as dead before rules.presence_s have
            passed since.
        rules: how long leases, devices and messages last.
        canary_rules: when canaries run.
    """
    ordered = sorted(tasks, key=priority)
    present = {device.name: device for device in sorted(devices, key=lambda device: device.name)}
    alive = [device for device in present.values() if is_alive(device, now, rules)]
    return (
        *_resolutions(ordered),
        *_expiries(ordered, now, since, rules),
        *_assignments(ordered, present, now, since, rules),
        *_reassignments(ordered, present, alive),
        *(
            actions.SendCanary(device.name, device.canary_at)
            for device in alive
            if wants_canary(device, ordered, now, canary_rules)
        ),
        *_ends(ordered),
    )


def priority(task: OpenTask) -> tuple[bool, float, str, int, str]:
    """The order in which tasks are taken.

    Canaries go first: whether a device may be trusted should be known before more is measured there.
    """
    return task.kind is not Kind.CANARY, task.ready_at, task.sweep_id or "", task.position, task.id


def _resolutions(tasks: Sequence[OpenTask]) -> Iterator[actions.Action]:
    states = {task.id: task.state for task in tasks}
    for task in tasks:
        if task.state is not TaskState.PENDING:
            continue
        needed = {states[each] for each in task.depends_on}
        if any(state in WITHOUT_RESULT for state in needed):
            yield actions.Block(task.id)
        elif TaskState.SKIPPED in needed:
            yield actions.Skip(task.id)
        elif all(state is TaskState.DONE for state in needed):
            yield actions.Resolve(task.id)


def _expiries(tasks: Sequence[OpenTask], now: float, since: float, rules: Rules) -> Iterator[actions.Action]:
    for task in tasks:
        if task.state is TaskState.RUNNING and now > _lease_end(task, now, since, rules):
            yield actions.Expire(task.id) if task.attempt < rules.attempts else actions.GiveUp(task.id)


def _lease_end(task: OpenTask, now: float, since: float, rules: Rules) -> float:
    """When a lease runs out; one that goes further than any may was given before the clock was set back."""
    graced = since + rules.presence_s
    return graced if task.lease_until > now + rules.presence_s else max(task.lease_until, graced)


def _ends(tasks: Sequence[OpenTask]) -> Iterator[actions.Action]:
    sweeps: dict[str, list[TaskState]] = {}
    for task in tasks:
        if task.sweep_id is not None:
            sweeps.setdefault(task.sweep_id, []).append(task.state)
    for sweep_id in sorted(sweeps):
        if is_over(sweeps[sweep_id]):
            yield actions.EndSweep(sweep_id)


def _reassignments(
    tasks: Sequence[OpenTask], present: Mapping[str, KnownDevice], alive: Sequence[KnownDevice]
) -> Iterator[actions.Reassign]:
    measured = measured_in(tasks)
    for task in tasks:
        home = present.get(task.pinned_to or "")
        if task.state is TaskState.READY and home is not None and home.is_quarantined:
            device = replacement(task, alive, home=home.inventory, measured=measured.get(task.sweep_id, ()))
            if device is not None:
                yield actions.Reassign(task.id, device)


def _assignments(
    tasks: Sequence[OpenTask], present: Mapping[str, KnownDevice], now: float, since: float, rules: Rules
) -> Iterator[actions.Action]:
    running = {task.device for task in tasks if task.state is TaskState.RUNNING}
    lost = {task.id for task in tasks if _is_lost(task, present, running, now=now, since=since, rules=rules)}
    occupancy = Occupancy.of([task for task in tasks if task.state in IN_FLIGHT and task.id not in lost])
    alive = [device for device in present.values() if is_alive(device, now, rules)]
    for task in tasks:
        if task.state is not TaskState.READY and task.id not in lost:
            continue
        device = occupancy.place(task, alive, rules)
        if device is not None:
            yield actions.Dispatch(task.id, device)
        elif task.id in lost:
            yield actions.Recall(task.id)


def _is_lost(
    task: OpenTask,
    present: Mapping[str, KnownDevice],
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
