"""Pins a benchmark to another device of the same class, and keeps which ones were tried before."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, select, update

from optfarm_scheduler.decisions.reassignment import replacement
from optfarm_scheduler.decisions.snapshot import Rules, is_alive
from optfarm_scheduler.planning.task_plan import identity
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.device_health import health_of
from optfarm_scheduler.store.devices import known_devices
from optfarm_scheduler.store.records import open_task
from optfarm_scheduler.store.tables import DEVICES, SWEEPS, TASKS
from optfarm_scheduler.store.transitions import TOKEN, Change
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.result import BenchmarkResult, Result
from optfarm_tasks.schema.sweep import TaskState, Tried


def reassigned_to(connection: Connection, row: Row[Any], device: str, tried: Tried) -> Change:
    """A task begins anew on a device, whose hardware its sweep then lists too."""
    found = connection.execute(select(DEVICES.c.inventory).where(DEVICES.c.name == device)).scalar_one()
    inventory = Inventory.model_validate(found)
    sweep = SWEEPS.c.id == row.sweep_id
    shown = connection.execute(select(SWEEPS.c.devices).where(sweep)).scalar_one()
    devices = shown | {device: inventory.attributes}
    connection.execute(update(SWEEPS).where(sweep).values(devices=devices))
    values = {
        "pinned_to": device,
        "identity": identity(inventory, Needs.model_validate(row.needs)),
        "device": None,
        "key": None,
        "token": TOKEN,
        "attempt": 0,
        "tried": [*(row.tried or ()), tried.model_dump(mode="json")],
    }
    return Change(TaskState.PENDING, values)


def reassigned_from_quarantine(connection: Connection, row: Row[Any], device: str, *, now: float) -> Change:
    """A benchmark leaves a device that is in quarantine."""
    stored = connection.execute(select(DEVICES.c.health).where(DEVICES.c.name == row.pinned_to)).scalar_one()
    why = f"in quarantine: {health_of(stored).reason}"
    tried = Tried(device=row.pinned_to, why=why, at=datetime.fromtimestamp(now, UTC))
    return reassigned_to(connection, row, device, tried)


def reassigned_by(connection: Connection, row: Row[Any], result: Result, *, now: float, rules: Rules) -> Change | None:
    """A benchmark whose measurement is invalid goes to another device; None when it ends where it is."""
    facts = result.facts
    if not isinstance(facts, BenchmarkResult) or facts.candidate.verdict is not Verdict.INVALID:
        return None
    alive = [each for each in known_devices(connection) if is_alive(each, now, rules)]
    home = next((each.inventory for each in alive if each.name == row.pinned_to), None)
    if home is None:
        return None
    mates = connection.execute(select(TASKS.c.pinned_to, TASKS.c.tried).where(TASKS.c.sweep_id == row.sweep_id)).all()
    measured = {mate.pinned_to for mate in mates if not mate.tried}
    device = replacement(open_task(row, lease_until=row.lease_until), alive, home=home, measured=measured)
    if device is None:
        return None
    flags = ", ".join(facts.candidate.flags) or "no flags"
    why = f"invalid after {facts.candidate.attempt} attempts ({flags})"
    tried = Tried(device=home.name, why=why, at=datetime.fromtimestamp(now, UTC), key=result.key)
    return reassigned_to(connection, row, device, tried)
