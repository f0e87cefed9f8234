"""Tasks and devices as decisions see them, and the floor: what is in flight, and what may join it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from optfarm_scheduler.planning.toolchains import Needs, offered
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.health import DeviceHealth, HealthState
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState


@dataclass(frozen=True)
class Rules:
    """The numbers that the decisions rest on."""

    presence_s: float = 15.0
    """A device that was not seen for so long is not alive."""
    claim_s: float = 5.0
    """A message that an idle device did not claim for so long is lost."""
    messages: int = 2
    """At most so many on a device: one runs, one looks ahead."""
    attempts: int = 5


RULES = Rules()


@dataclass(frozen=True)
class OpenTask:
    """What a decision needs to know of a task in a running sweep, or of a canary; times in seconds since the epoch."""

    id: str
    sweep_id: str | None
    """None for a canary."""
    position: int
    kind: Kind
    state: TaskState
    needs: Needs
    depends_on: tuple[str, ...] = ()
    pinned_to: str | None = None
    """The one device it may run on."""
    device: str | None = None
    """Where its message or its lease is."""
    key: str | None = None
    attempt: int = 0
    ready_at: float = 0.0
    dispatched_at: float = 0.0
    lease_until: float = 0.0
    tried: tuple[str, ...] = ()
    """Devices that it was pinned to before."""


@dataclass(frozen=True)
class Presence:
    """What a decision needs to know of a device."""

    inventory: Inventory
    last_seen_at: float
    freed_at: float = 0.0
    """When a task last left it."""
    started_at: float = 0.0
    """When its worker first registered."""
    canary_at: float = 0.0
    """When its last canary was sent."""
    health: DeviceHealth = field(default_factory=DeviceHealth)

    @property
    def name(self) -> str:
        """host.slot."""
        return self.inventory.name

    @property
    def is_quarantined(self) -> bool:
        """Whether its clocks are not trusted."""
        return self.health.state is HealthState.QUARANTINED

    def can_take(self, task: OpenTask) -> bool:
        """Whether it offers what the task needs, and is trusted with it."""
        return not (task.kind.needs_trust and self.is_quarantined) and offered(self.inventory, task.needs) is not None


@dataclass
class Occupancy:
    """What is in flight while assignments are made."""

    on_device: dict[str, list[OpenTask]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    reserved: set[str] = field(default_factory=set)
    """Hosts that a task waits for that has to run alone: later tasks go elsewhere, else it might wait for ever."""

    @classmethod
    def of(cls, tasks: Iterable[OpenTask]) -> "Occupancy":
        """The floor with these tasks in flight."""
        floor = cls()
        for task in tasks:
            floor._put(task, task.device or "")
        return floor

    def place(self, task: OpenTask, alive: Sequence[Presence], rules: Rules) -> str | None:
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

    def _is_free(self, device: Presence, task: OpenTask, rules: Rules) -> bool:
        host = device.inventory.host
        there = self.on_device.get(device.name, ())
        # What a canary finds decides what may come next, so nothing looks ahead behind it.
        if len(there) >= rules.messages or any(each.kind is Kind.CANARY for each in there):
            return False
        return host not in self.reserved and not self._disturbs(device, task)

    def _disturbs(self, device: Presence, task: OpenTask) -> bool:
        """Whether what reads clocks would share the host with another device's task; a device runs one at a time."""
        others = self._beside(device)
        return bool(others) if task.kind.runs_alone else any(each.kind.runs_alone for each in others)

    def _beside(self, device: Presence) -> list[OpenTask]:
        prefix = f"{device.inventory.host}."
        return [
            task
            for name, tasks in self.on_device.items()
            for task in tasks
            if name != device.name and name.startswith(prefix)
        ]

    def _reserve(self, task: OpenTask, able: Sequence[Presence]) -> None:
        if task.kind.runs_alone:
            self.reserved |= {device.inventory.host for device in able if self._disturbs(device, task)}

    def _load(self, name: str) -> int:
        return len(self.on_device.get(name, ()))

    def _put(self, task: OpenTask, device: str) -> None:
        self.on_device.setdefault(device, []).append(task)
        if task.key is not None:
            self.keys.add(task.key)


def is_alive(device: Presence, now: float, rules: Rules = RULES) -> bool:
    """Whether a device was seen lately."""
    return now - device.last_seen_at <= rules.presence_s
