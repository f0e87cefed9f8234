"""Tasks and devices at one moment, as decisions see them, and the numbers that decisions rest on."""

from dataclasses import dataclass, field

from optfarm_scheduler.planning.toolchains import Needs, offered
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.health import DeviceHealth, HealthState
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState


@dataclass(frozen=True)
class Rules:
    """How long devices and messages last, and how much of each is allowed."""

    presence_s: float = 15.0
    """A device that has not registered for longer is not alive."""
    claim_s: float = 5.0
    """A message that an idle device has not claimed for longer is lost."""
    messages: int = 2
    """At most so many on a device: one runs, and the next is there already when it ends."""
    attempts: int = 5
    """How often a task is begun before it fails because its workers were lost."""


RULES = Rules()


@dataclass(frozen=True)
class OpenTask:
    """A task of a running sweep, or a canary; times in seconds since the epoch."""

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
class KnownDevice:
    """A device that has registered at least once; times in seconds since the epoch."""

    inventory: Inventory
    last_seen_at: float
    freed_at: float = 0.0
    """When a task last ended there."""
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
        """Whether its latest canaries say that times measured there are not to be trusted."""
        return self.health.state is HealthState.QUARANTINED

    def can_take(self, task: OpenTask) -> bool:
        """Whether it offers what the task needs, and is trusted if the task measures."""
        if self.inventory.fault:
            return False
        return not (task.kind.needs_trust and self.is_quarantined) and offered(self.inventory, task.needs) is not None


def is_alive(device: KnownDevice, now: float, rules: Rules = RULES) -> bool:
    """Whether a device has registered lately; one seen in the future has not since the clock was set back."""
    return abs(now - device.last_seen_at) <= rules.presence_s
