"""Which devices there are, and when each was seen last."""

from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from optfarm_scheduler.database import Database
from optfarm_scheduler.errors import NotFound
from optfarm_scheduler.floor import RULES, Presence, Rules, is_alive
from optfarm_scheduler.tables import DEVICES, TASKS
from optfarm_tasks.device import Inventory
from optfarm_tasks.sweep import Device, TaskState


class Devices:
    """The devices that ever registered."""

    def __init__(self, database: Database, *, rules: Rules = RULES) -> None:
        self._database = database
        self._rules = rules

    def beat(self, inventory: Inventory, *, now: float) -> bool:
        """Notes that a device is there; tells whether that is news: it is new, changed or was thought dead."""
        body = inventory.model_dump(mode="json")
        here = DEVICES.c.name == inventory.name
        with self._database.writing() as connection:
            row = connection.execute(select(DEVICES).where(here)).first()
            if row is None:
                # freed_at: what was sent to it before it came is given the usual time to be claimed.
                new = {"name": inventory.name, "inventory": body, "last_seen_at": now, "freed_at": now}
                connection.execute(insert(DEVICES).values(new))
                return True
            connection.execute(update(DEVICES).where(here).values(inventory=body, last_seen_at=now))
            before = Presence(inventory=inventory, last_seen_at=row.last_seen_at)
            return bool(row.inventory != body) or not is_alive(before, now, self._rules)

    def presences(self) -> tuple[Presence, ...]:
        """Every device, as decisions see it."""
        with self._database.reading() as connection:
            rows = connection.execute(select(DEVICES).order_by(DEVICES.c.name)).all()
        return tuple(
            Presence(
                inventory=Inventory.model_validate(row.inventory),
                last_seen_at=row.last_seen_at,
                freed_at=row.freed_at,
            )
            for row in rows
        )

    def alive(self, *, now: float) -> tuple[Inventory, ...]:
        """The inventories of the devices that were seen lately."""
        return tuple(device.inventory for device in self.presences() if is_alive(device, now, self._rules))

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
            )
            for device in self.presences()
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

    def _running(self) -> dict[str, str]:
        running = select(TASKS.c.device, TASKS.c.id).where(TASKS.c.state == TaskState.RUNNING)
        with self._database.reading() as connection:
            return {row.device: row.id for row in connection.execute(running)}
