"""What is in flight on each device, and which device may take one more task."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from optfarm_scheduler.decisions.snapshot import KnownDevice, OpenTask, Rules
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState


@dataclass
class Occupancy:
    """What is in flight, on which device; it fills up while tasks are assigned one after another."""

    on_device: dict[str, list[OpenTask]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    """Hosts that a task waits for which has to run alone. Later tasks go to others, or it might wait for ever."""

    @classmethod
    def of(cls, tasks: Iterable[OpenTask]) -> "Occupancy":
        """The occupancy with these tasks in flight."""
        made = cls()
        for task in tasks:
            made._put(task, task.device or "")
        return made

    def place(self, task: OpenTask, alive: Sequence[KnownDevice], rules: Rules) -> str | None:
        """The device that gets the task, which then counts as in flight; None when it has to wait."""
        if task.key is not None and task.key in self.keys:
            return None
        able = [device for device in alive if task.pinned_to in (None, device.name) and device.can_take(task)]
        free = [device for device in able if self._is_free(device, task, rules)]
        if not free:
            self._reserve(task, able)
            return None
        chosen = min(free, key=lambda device: (device.name == task.device, self._load(device.name), device.name))
        self._put(replace(task, state=TaskState.DISPATCHED), chosen.name)
        return chosen.name

    def _is_free(self, device: KnownDevice, task: OpenTask, rules: Rules) -> bool:
        host = device.inventory.host
        there = self.on_device.get(device.name, ())
        # What a canary finds decides what may come next, so nothing looks ahead behind it.
        if len(there) >= rules.messages or any(each.kind is Kind.CANARY for each in there):
            return False
        return host not in self.reserved and not self._disturbs(device, task)

    def _disturbs(self, device: KnownDevice, task: OpenTask) -> bool:
        """Whether what reads clocks would share the host with another device's task; a device runs one at a time."""
        others = self._beside(device)
        return bool(others) if task.kind.runs_alone else any(each.kind.runs_alone for each in others)

    def _beside(self, device: KnownDevice) -> list[OpenTask]:
        prefix = f"{device.inventory.host}."
        return [
            task
            for name, tasks in self.on_device.items()
            for task in tasks
            if name != device.name and name.startswith(prefix)
        ]

    def _reserve(self, task: OpenTask, able: Sequence[KnownDevice]) -> None:
        if task.kind.runs_alone:
            self.reserved |= {device.inventory.host for device in able if self._disturbs(device, task)}

    def _load(self, name: str) -> int:
        return len(self.on_device.get(name, ()))

    def _put(self, task: OpenTask, device: str) -> None:
        self.on_device.setdefault(device, []).append(task)
        if task.key is not None:
            self.keys.add(task.key)
