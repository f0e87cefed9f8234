"""What each task that does not run waits for, from tasks, devices and the time alone."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from optfarm_scheduler.decisions.schedule import priority
from optfarm_scheduler.decisions.snapshot import RULES, KnownDevice, OpenTask, Rules, is_alive
from optfarm_scheduler.decisions.states import ENDS, IN_FLIGHT
from optfarm_scheduler.planning.toolchains import lacking, offered
from optfarm_tasks.schema.sweep import TaskState
from optfarm_tasks.schema.waiting import Waiting, WaitsFor

_RELEASE = "optfarm devices release"


def waits(
    tasks: Iterable[OpenTask], devices: Iterable[KnownDevice], now: float, *, rules: Rules = RULES
) -> Mapping[str, Waiting]:
    """Task → what it waits for; those that run, that have ended or are being looked up in the store are left out.

    Args:
        tasks: all tasks of all running sweeps, and the canaries that have not ended.
        devices: all devices ever seen.
        now: seconds since the epoch.
        rules: how long a device that says nothing counts as there.
    """
    ordered = sorted(tasks, key=priority)
    queue = _Queue(
        states={task.id: task for task in ordered},
        in_flight=tuple(task for task in ordered if task.state in IN_FLIGHT),
        devices=tuple(devices),
        now=now,
        rules=rules,
    )
    found: dict[str, Waiting] = {}
    for task in ordered:
        wait = queue.wait_of(task)
        if wait is not None:
            found[task.id] = wait
        if task.state is TaskState.READY:
            queue.ready[task.pinned_to] += 1
    return found


@dataclass(frozen=True)
class _Queue:
    states: Mapping[str, OpenTask]
    in_flight: tuple[OpenTask, ...]
    """In the order in which they were taken."""
    devices: tuple[KnownDevice, ...]
    now: float
    rules: Rules
    ready: Counter[str | None] = field(default_factory=Counter)
    """Device → how many ready tasks that are pinned to it come before the one that is looked at; None: to any."""

    def wait_of(self, task: OpenTask) -> Waiting | None:
        if task.state is TaskState.PENDING:
            return self._for_inputs(task)
        return self._for_a_place(task) if task.state in {TaskState.READY, TaskState.DISPATCHED} else None

    def _for_a_place(self, task: OpenTask) -> Waiting:
        possible = [each for each in self.devices if task.pinned_to in (None, each.name)]
        able = [each for each in possible if offered(each.inventory, task.needs)]
        if not able:
            return _for_a_toolchain(task, possible)
        alive = [each for each in able if is_alive(each, self.now, self.rules)]
        if not alive:
            return _for_a_worker_to_return(able)
        trusted = [each.name for each in alive if each.can_take(task)]
        if not trusted:
            return _for_a_release(alive[0], since=_time(task.ready_at))
        if task.state is TaskState.DISPATCHED:
            return self._for_its_worker(task, task.device or "")
        return self._for_the_same_work(task) or self._for_a_device(task, trusted)

    def _for_inputs(self, task: OpenTask) -> Waiting | None:
        needed = [self.states[each] for each in task.depends_on]
        makers = [f"{each.kind} {each.id} ({each.state})" for each in needed if each.state not in ENDS]
        message = f"its inputs are not made yet: {', '.join(makers)}"
        return Waiting(reason=WaitsFor.TASKS, message=message) if makers else None

    def _for_its_worker(self, task: OpenTask, device: str) -> Waiting:
        there = [each for each in self.in_flight if each.device == device]
        before = [each for each in there if each.state is TaskState.RUNNING or priority(each) < priority(task)]
        if before:
            return _behind(task, before, (device,), ready=0)
        message = f"it was sent to {device}, whose worker has not taken it up yet"
        return Waiting(reason=WaitsFor.WORKER, message=message, since=_time(task.ready_at), ahead=0)

    def _for_the_same_work(self, task: OpenTask) -> Waiting | None:
        twin = next((each for each in self.in_flight if task.key is not None and each.key == task.key), None)
        if twin is None:
            return None
        return Waiting(
            reason=WaitsFor.SAME_WORK,
            message=f"{_shown(twin)} does the same work, and its result will count for this one",
            since=_time(task.ready_at),
            behind=twin.id,
            behind_sweep=twin.sweep_id,
        )

    def _for_a_device(self, task: OpenTask, names: Sequence[str]) -> Waiting:
        before = [each for each in self.in_flight if _is_in_the_way(each, task, names)]
        ready = self.ready[None] + sum(self.ready[name] for name in names)
        return _behind(task, before, names, ready=ready)


def _is_in_the_way(other: OpenTask, task: OpenTask, names: Sequence[str]) -> bool:
    """Whether it is on a device of these, or shares the host with one while either has to be alone there."""
    host = (other.device or "").partition(".")[0]
    is_beside = host in {name.partition(".")[0] for name in names}
    return other.device in names or (is_beside and (task.kind.runs_alone or other.kind.runs_alone))


def _behind(task: OpenTask, before: Sequence[OpenTask], names: Sequence[str], *, ready: int) -> Waiting:
    """Behind tasks that are in flight, and so many more that became ready earlier."""
    first = min(before, key=lambda each: each.state is not TaskState.RUNNING, default=None)
    ahead, where = len(before) + ready, " or ".join(names)
    count = (
        f"{ahead} {'task is' if ahead == 1 else 'tasks are'} before it on {where}" if ahead else f"its turn on {where}"
    )
    runs = "runs" if first and first.state is TaskState.RUNNING else "is next"
    return Waiting(
        reason=WaitsFor.DEVICE,
        message=count + (f"; {_shown(first)} {runs} on {first.device}" if first else ""),
        since=_time(task.ready_at),
        behind=first.id if first else None,
        behind_sweep=first.sweep_id if first else None,
        ahead=ahead,
    )


def _for_a_toolchain(task: OpenTask, possible: Sequence[KnownDevice]) -> Waiting:
    since = _time(task.ready_at)
    if not possible:
        message = f"{task.pinned_to} never registered here" if task.pinned_to else "no device ever registered here"
        return Waiting(reason=WaitsFor.OFFLINE, message=f"{message}; start a worker", since=since)
    lack = lacking(task.needs, [each.inventory for each in possible])
    message = f"no device has what it needs ({lack}); start a worker that has"
    if task.pinned_to is not None:
        message = f"{task.pinned_to} no longer has what it needs ({lack}); install that there"
    return Waiting(reason=WaitsFor.TOOLCHAIN, message=message, since=since)


def _for_a_worker_to_return(able: Sequence[KnownDevice]) -> Waiting:
    last = max(able, key=lambda each: each.last_seen_at)
    names = " and ".join(each.name for each in able)
    message = f"{names} {'is' if len(able) == 1 else 'are'} offline; start the worker there"
    return Waiting(reason=WaitsFor.OFFLINE, message=message, since=_time(last.last_seen_at))


def _for_a_release(device: KnownDevice, *, since: datetime | None) -> Waiting:
    return Waiting(reason=WaitsFor.QUARANTINE, message=in_quarantine(device), since=since)


def in_quarantine(device: KnownDevice) -> str:
    """Says of a device that it measures nothing now, why, and what ends that."""
    ends = "it ends as soon as that is mended" if device.inventory.fault else f"`{_RELEASE} {device.name}` ends that"
    return f"{device.name} is in quarantine ({device.health.reason or ''}); {ends}"


def _shown(task: OpenTask) -> str:
    of = "" if task.sweep_id is None else f" of sweep {task.sweep_id}"
    return f"{task.kind} {task.id}{of}"


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
