"""The health of devices as it is stored: canaries sent, judged as they end, and quarantines ended by hand."""

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, desc, insert, select, update

from optfarm_scheduler.decisions import control_chart
from optfarm_scheduler.decisions.actions import SendCanary
from optfarm_scheduler.decisions.canaries import GPU_RUNTIME
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.tables import CANARIES, DEVICES, TASKS
from optfarm_scheduler.store.tasks import task_columns
from optfarm_scheduler.store.transitions import cancel_tasks
from optfarm_tasks.schema.device import DeviceKind, Inventory
from optfarm_tasks.schema.health import Chart, DeviceHealth, HealthState
from optfarm_tasks.schema.measurement import Verdict
from optfarm_tasks.schema.recipe import BASELINE
from optfarm_tasks.schema.result import CanaryResult, Result
from optfarm_tasks.schema.spec import Canary, Kind, Usual


def send_canary(connection: Connection, check: SendCanary, *, now: float) -> bool:
    """Adds a canary to the tasks, pinned to the device and of no sweep; False when the decision came too late."""
    device = check.device
    as_decided = (DEVICES.c.name == device) & (DEVICES.c.canary_at == check.canary_at)
    if not connection.execute(update(DEVICES).where(as_decided).values(canary_at=now)).rowcount:
        return False
    canary = TaskPlan(
        id=f"canary-{secrets.token_hex(8)}",
        kind=Kind.CANARY,
        label="canary",
        recipe=BASELINE,
        action=Canary(),
        inputs={},
        needs=Needs(runtimes=(GPU_RUNTIME,), gpu=True) if _is_gpu(connection, device) else Needs(),
        pinned_to=device,
        identity=device,
    )
    connection.execute(insert(TASKS).values(task_columns(canary, None, position=0, now=now)))
    return True


def _is_gpu(connection: Connection, device: str) -> bool:
    found = connection.execute(select(DEVICES.c.inventory).where(DEVICES.c.name == device)).scalar_one()
    return Inventory.model_validate(found).kind == DeviceKind.GPU


def judge_canary(connection: Connection, task_id: str, device: str, result: Result, *, now: float) -> None:
    """Judges a canary that has ended by the earlier ones of its device; other results pass by."""
    facts = result.facts
    row = connection.execute(select(DEVICES.c.health, DEVICES.c.band_from).where(DEVICES.c.name == device)).first()
    if row is None or not isinstance(facts, CanaryResult):
        return
    canary = control_chart.Canary(
        now, facts.compute_ns, facts.memory_ns, facts.further_ns, is_disturbed=facts.verdict is Verdict.INVALID
    )
    before = control_chart.Standing(_good(connection, device, since=row.band_from), _quarantine(health_of(row.health)))
    after = control_chart.judged(before, canary)
    values = {"task_id": task_id, "device": device, "at": now, "is_good": canary in after.good}
    measured = {"compute_ns": facts.compute_ns, "memory_ns": facts.memory_ns, "further_ns": facts.further_ns}
    connection.execute(insert(CANARIES).values(values | measured))
    _store(connection, device, _health(after, facts, now))


def release(connection: Connection, device: str, *, anew: bool, now: float) -> None:
    """Ends a quarantine; `anew` forgets what was usual. Canaries that were begun before count for nothing."""
    cancel_tasks(connection, (TASKS.c.kind == Kind.CANARY) & (TASKS.c.pinned_to == device), now=now)
    stored = connection.execute(select(DEVICES.c.health).where(DEVICES.c.name == device)).scalar_one()
    if anew:
        connection.execute(update(DEVICES).where(DEVICES.c.name == device).values(band_from=now, health=None))
        return
    free = {"state": HealthState.GOOD, "reason": None, "since": None, "good_in_a_row": 0}
    _store(connection, device, health_of(stored).model_copy(update=free), canary_at=now)


def usual_of(connection: Connection, device: str) -> Usual | None:
    """What is usual for a device, for the benchmarks that are sent there; None before its first canary."""
    stored = connection.execute(select(DEVICES.c.health).where(DEVICES.c.name == device)).scalar_one_or_none()
    health = health_of(stored)
    if health.canary is None:
        return None
    return Usual(memory_ns=health.memory and health.memory.usual_ns, null_ci95=health.canary.null_ci95)


def health_of(stored: dict[str, Any] | None) -> DeviceHealth:
    """The health as a device's row holds it."""
    return DeviceHealth.model_validate(stored or {})


def lineage(device: Inventory) -> tuple[object, ...]:
    """What canaries have to share to be compared: the machine, and the library that computes."""
    library = GPU_RUNTIME if device.kind == DeviceKind.GPU else "numpy"
    versions = (each.versions.get(library) for each in device.toolchains)
    return device.attributes, next(filter(None, versions), None)


def _good(connection: Connection, device: str, *, since: float) -> tuple[control_chart.Canary, ...]:
    ours = (CANARIES.c.device == device) & CANARIES.c.is_good & (CANARIES.c.at > since)
    latest = select(CANARIES).where(ours).order_by(desc(CANARIES.c.at)).limit(control_chart.CHART_RULES.window)
    rows = connection.execute(latest).all()
    return tuple(
        control_chart.Canary(row.at, row.compute_ns, row.memory_ns, row.further_ns or {}) for row in reversed(rows)
    )


def _quarantine(health: DeviceHealth) -> control_chart.Quarantine | None:
    if health.state is not HealthState.QUARANTINED or health.since is None:
        return None
    return control_chart.Quarantine(health.since.timestamp(), health.reason or "", health.good_in_a_row)


def _health(standing: control_chart.Standing, facts: CanaryResult, now: float) -> DeviceHealth:
    quarantine = standing.quarantine
    compute, memory = control_chart.compute_band(standing.good), control_chart.memory_band(standing.good)
    usual = HealthState.LEARNING if compute is None else HealthState.GOOD
    return DeviceHealth(
        state=usual if quarantine is None else HealthState.QUARANTINED,
        reason=quarantine and quarantine.reason,
        since=quarantine and datetime.fromtimestamp(quarantine.since, UTC),
        good_in_a_row=quarantine.good_in_a_row if quarantine else 0,
        good=len(standing.good),
        compute=_chart(compute),
        memory=_chart(memory),
        canary=facts,
        canary_at=datetime.fromtimestamp(now, UTC),
    )


def _chart(band: control_chart.Band | None) -> Chart | None:
    return None if band is None else Chart(low_ns=band.low_ns, usual_ns=band.centre_ns, high_ns=band.high_ns)


def _store(connection: Connection, device: str, health: DeviceHealth, **others: float) -> None:
    values = {"health": health.model_dump(mode="json")} | others
    connection.execute(update(DEVICES).where(DEVICES.c.name == device).values(values))
