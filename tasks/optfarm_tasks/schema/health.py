"""A device as the scheduler sees it, and whether its clocks may be trusted."""

from datetime import datetime
from enum import StrEnum

from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.result import CanaryResult
from optfarm_tasks.schema.value import Value, WireMessage


class HealthState(StrEnum):
    """What is known of a device's clocks."""

    UNTESTED = "untested"
    """No canary has run yet."""
    LEARNING = "learning"
    """Too few have run to know what is usual; the device is trusted."""
    GOOD = "good"
    QUARANTINED = "quarantined"
    """Its canary left the band, and it converts but measures nothing; or its worker says that nothing can run there."""


class Chart(Value):
    """What one work of the canary usually takes on a device."""

    low_ns: float
    usual_ns: float
    high_ns: float


class DeviceHealth(Value):
    """What the canaries of a device say of it."""

    state: HealthState = HealthState.UNTESTED
    reason: str | None = None
    """Why it is in quarantine."""
    since: datetime | None = None
    """When the quarantine began."""
    good_in_a_row: int = 0
    """Good canaries since; three end it."""
    good: int = 0
    """Good canaries that the bands rest on."""
    compute: Chart | None = None
    memory: Chart | None = None
    canary: CanaryResult | None = None
    """The latest."""
    canary_at: datetime | None = None


class Device(WireMessage):
    """A device as the scheduler sees it."""

    name: str
    inventory: Inventory
    is_alive: bool
    last_seen_at: datetime
    running: str | None
    """Task that it runs now."""
    health: DeviceHealth = DeviceHealth()


class Release(WireMessage):
    """Ends a device's quarantine."""

    anew: bool = False
    """Forgets what was usual too: the machine was changed for good."""
