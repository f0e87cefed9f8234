"""The devices that have registered: what each is, when it was there last, and its health."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, insert, select, update

from optfarm_scheduler.decisions.snapshot import RULES, KnownDevice, Rules, is_alive
from optfarm_scheduler.errors import Conflict, NotFound
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.device_health import health_of, lineage, release
from optfarm_scheduler.store.tables import DEVICES, TASKS
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.health import Device, DeviceHealth, HealthState
from optfarm_tasks.schema.sweep import TaskState

_KNOWN = TypeAdapter(KnownDevice)


class Devices:
    """The devices that ever registered."""

    def __init__(self, database: Database, *, rules: Rules = RULES) -> None:
        self._database = database
        self._rules = rules

    def register(self, inventory: Inventory, *, now: float) -> bool:
        """Records that a device is there; returns whether it is new, changed, or was not alive before."""
        body = inventory.model_dump(mode="json")
        here = DEVICES.c.name == inventory.name
        with self._database.writing() as connection:
            row = connection.execute(select(DEVICES).where(here)).first()
            if row is None:
                # freed_at: what was sent to it before it came is given the usual time to be claimed.
                times = {"last_seen_at": now, "freed_at": now, "started_at": now}
                connection.execute(insert(DEVICES).values({"name": inventory.name, "inventory": body} | times))
                return True
            values = {"inventory": body, "last_seen_at": now} | _changed(row.inventory, inventory, now)
            connection.execute(update(DEVICES).where(here).values(values))
            before = KnownDevice(inventory=inventory, last_seen_at=row.last_seen_at)
            return bool(row.inventory != body) or not is_alive(before, now, self._rules)

    def known(self) -> tuple[KnownDevice, ...]:
        """Every device, as decisions see it."""
        with self._database.reading() as connection:
            return known_devices(connection)

    def alive(self, *, now: float) -> tuple[Inventory, ...]:
        """The inventories of the devices that were seen lately."""
        return tuple(device.inventory for device in self.known() if is_alive(device, now, self._rules))

    def everything(self, *, now: float) -> tuple[Device, ...]:
        """Every device, as people see it."""
        running = self._running()
        return tuple(
            Device(
                name=device.name,
                inventory=device.inventory,
                is_alive=is_alive(device, now, self._rules),
                last_seen_at=datetime.fromtimestamp(device.last_seen_at, UTC),
                running=running.get(device.name),
                health=device.health,
            )
            for device in self.known()
        )

    def find(self, name: str, *, now: float) -> Device:
        """One device.

        Raises:
            NotFound: it never registered.
        """
        for device in self.everything(now=now):
            if device.name == name:
                return device
        raise NotFound(f"there is no device {name!r}")

    def release(self, name: str, *, anew: bool, now: float) -> None:
        """Ends a device's quarantine; `anew` forgets what was usual there too.

        Raises:
            NotFound: it never registered.
            Conflict: it is in no quarantine, and nothing is to be forgotten; or its worker says that it is gone.
        """
        found = self.find(name, now=now)
        if found.inventory.fault:
            raise Conflict(f"{name} cannot be released, for its worker says: {found.inventory.fault}")
        state = found.health.state
        if not anew and state is not HealthState.QUARANTINED:
            raise Conflict(f"{name} is in no quarantine; anew forgets what its canaries usually take")
        with self._database.writing() as connection:
            release(connection, name, anew=anew, now=now)

    def _running(self) -> dict[str, str]:
        running = select(TASKS.c.device, TASKS.c.id).where(TASKS.c.state == TaskState.RUNNING)
        with self._database.reading() as connection:
            return {row.device: row.id for row in connection.execute(running)}


def known_devices(connection: Connection) -> tuple[KnownDevice, ...]:
    """Every device, as decisions see it, within a transaction."""
    rows = connection.execute(select(DEVICES).order_by(DEVICES.c.name))
    found = (_KNOWN.validate_python(row._asdict() | {"health": health_of(row.health)}) for row in rows)
    return tuple(replace(each, health=_health(each)) for each in found)


def _health(device: KnownDevice) -> DeviceHealth:
    """A device of which its worker says that nothing can run there is in quarantine for as long as that lasts."""
    fault = device.inventory.fault
    if not fault:
        return device.health
    return device.health.model_copy(update={"state": HealthState.QUARANTINED, "reason": fault})


def _changed(before: dict[str, Any], now_there: Inventory, now: float) -> dict[str, Any]:
    """What a worker's start, or another machine under the same name, changes."""
    known = Inventory.model_validate(before)
    changed: dict[str, Any] = {} if known.worker == now_there.worker else {"started_at": now}
    return changed if lineage(known) == lineage(now_there) else changed | {"band_from": now, "health": None}
