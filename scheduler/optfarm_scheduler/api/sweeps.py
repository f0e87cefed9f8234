"""Sweeps: asked for, looked at, cancelled."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path

from optfarm_scheduler.decisions.waits import in_quarantine
from optfarm_scheduler.errors import Conflict
from optfarm_scheduler.parts import Farm, Parts
from optfarm_scheduler.planning.plan import Plan, draft, plan
from optfarm_scheduler.planning.trace_plan import plan_trace
from optfarm_scheduler.views.report import sweep_report
from optfarm_scheduler.views.statuses import sweep_status
from optfarm_tasks.schema.api import SweepSummary
from optfarm_tasks.schema.catalog import Data, Model, Rename
from optfarm_tasks.schema.sweep import (
    SweepDraft,
    SweepPlan,
    SweepReceipt,
    SweepReport,
    SweepSpec,
    SweepState,
    SweepStatus,
)

router = APIRouter(prefix="/sweeps", tags=["sweeps"])

_SETTLE_S = 1.0
Meant = tuple[Model, Data | None]
SweepId = Annotated[str, Path(pattern=r"^[0-9a-f]{12}$", description="Chosen by whoever submits: 12 hex digits")]


@router.put("/{sweep_id}")
def submit(farm: Farm, sweep_id: SweepId, spec: SweepSpec) -> SweepReceipt:
    """Plans and starts a sweep; the same again is answered alike, so a submit may be repeated."""
    if farm.sweeps.receipt(sweep_id) is None:
        _insert(farm, sweep_id, spec)
        # Stored results are looked up at once, so that the receipt counts them as cached.
        farm.loop.settle(_SETTLE_S)
    farm.sweeps.check_same(sweep_id, spec)
    receipt = farm.sweeps.receipt(sweep_id)
    if receipt is None:
        raise Conflict(f"sweep {sweep_id} went away while it was submitted")
    return receipt


@router.post("/plan")
def preview(farm: Farm, spec: SweepSpec) -> SweepPlan:
    """What a sweep would do, and what it would skip and why; nothing is started."""
    return _summed_up(_planned(farm, "plan", spec, compare=draft, meant=_named(farm, spec)))


@router.post("/check")
def check(farm: Farm, drawn: SweepDraft) -> SweepPlan:
    """The same, before model and data set are pushed; what `PUT /sweeps/{id}` would refuse is refused."""
    return _summed_up(_planned(farm, "check", drawn.spec, compare=plan, meant=_meant(farm, drawn)))


@router.get("")
def sweeps(farm: Farm) -> list[SweepSummary]:
    """Every sweep in a line, the newest first."""
    return farm.sweeps.summaries()


@router.get("/{sweep_id}")
def sweep(farm: Farm, sweep_id: str) -> SweepStatus:
    """A sweep and its tasks as they stand."""
    return status_of(farm, sweep_id)


@router.get("/{sweep_id}/report")
def report(farm: Farm, sweep_id: str) -> SweepReport:
    """The table, also while the sweep runs."""
    return sweep_report(*farm.sweeps.details(sweep_id))


@router.post("/{sweep_id}/cancel")
def cancel(farm: Farm, sweep_id: str) -> SweepStatus:
    """Ends what has not ended; a sweep that has ended stays as it is."""
    farm.sweeps.cancel(sweep_id, now=farm.clock())
    farm.loop.wake()
    farm.changes.note([sweep_id])
    return status_of(farm, sweep_id)


@router.post("/{sweep_id}/rename")
def rename(farm: Farm, sweep_id: str, wanted: Rename) -> SweepStatus:
    """Gives a sweep a label."""
    farm.sweeps.rename(sweep_id, wanted.name)
    farm.changes.note([sweep_id])
    return status_of(farm, sweep_id)


def status_of(farm: Parts, sweep_id: str) -> SweepStatus:
    """A sweep as it stands.

    Raises:
        NotFound: there is none.
    """
    found, tasks = farm.sweeps.tasks(sweep_id)
    waiting = farm.waits() if found.state is SweepState.RUNNING else {}
    return sweep_status(found, tasks, history=farm.sweeps.durations(), waits=waiting, now=farm.clock())


def _insert(farm: Parts, sweep_id: str, spec: SweepSpec) -> None:
    model, data = _named(farm, spec)
    planned = _planned(farm, sweep_id, spec, compare=plan, meant=(model, data))
    named = data.name if data is not None else None
    # Where the same submit came twice at once one of them won, and the answer to both is the same.
    farm.sweeps.insert(sweep_id, spec, planned, model=model.name, data=named, now=farm.clock())


def _summed_up(made: Plan) -> SweepPlan:
    devices = tuple(device.name for device in made.devices)
    return SweepPlan(tasks=len(made.tasks), devices=devices, skipped=made.skipped, warnings=made.warnings)


def _planned(farm: Parts, sweep_id: str, spec: SweepSpec, *, compare: Callable[..., Plan], meant: Meant) -> Plan:
    """The tasks of a sweep that observes, or of one that compares, planned by `compare`; with what keeps it waiting."""
    made = _made(farm, sweep_id, spec, compare=compare, meant=meant)
    meant_there = {each.name for each in made.devices}
    waits = [in_quarantine(each) for each in farm.devices.known() if each.is_quarantined and each.name in meant_there]
    return replace(made, warnings=(*made.warnings, *waits))


def _made(farm: Parts, sweep_id: str, spec: SweepSpec, *, compare: Callable[..., Plan], meant: Meant) -> Plan:
    model, data = meant
    alive = farm.devices.alive(now=farm.clock())
    if spec.trace is None:
        return compare(spec, sweep_id=sweep_id, model=model, data=data, alive=alive)
    task = spec.trace.artifact
    artifact = None if task is None else farm.tasks.artifact(task)
    return plan_trace(spec, spec.trace, sweep_id=sweep_id, model=model, data=data, alive=alive, artifact=artifact)


def _meant(farm: Parts, drawn: SweepDraft) -> Meant:
    """The model and the data set of a sweep, as they will be once they are pushed."""
    spec, now = drawn.spec, datetime.fromtimestamp(farm.clock(), UTC)
    new, data = drawn.model, drawn.data
    model = farm.models.find(spec.model) if new is None else Model(**dict(new), digest=new.tree.digest, created_at=now)
    if data is not None:
        return model, Data(**dict(data), digest=data.tree.digest, created_at=now)
    return model, None if spec.data is None else farm.data.find(spec.data)


def _named(farm: Parts, spec: SweepSpec) -> Meant:
    return farm.models.find(spec.model), farm.data.find(spec.data) if spec.data is not None else None
