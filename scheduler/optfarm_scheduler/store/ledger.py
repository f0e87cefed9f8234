"""The database as the loop sees it: what is open, and what was decided about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, select, update

from optfarm_scheduler.decisions import actions
from optfarm_scheduler.decisions.snapshot import RULES, OpenTask, Rules
from optfarm_scheduler.decisions.states import ENDS
from optfarm_scheduler.planning.keys import key_of
from optfarm_scheduler.planning.sources import Origin, Source, inputs_of
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.device_health import judge_canary, send_canary
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_scheduler.store.reassignments import reassigned_by, reassigned_from_quarantine
from optfarm_scheduler.store.records import open_task
from optfarm_scheduler.store.tables import SWEEPS, TASKS
from optfarm_scheduler.store.transitions import TOKEN, Change, done, failed, release_device, transition
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.queue import Message
from optfarm_tasks.schema.result import Failure, Result
from optfarm_tasks.schema.spec import Action, Kind, Role
from optfarm_tasks.schema.sweep import SweepState, TaskState

_ACTION: TypeAdapter[Action] = TypeAdapter(Action)


@dataclass(frozen=True)
class Applied:
    """What came of applying decisions."""

    messages: tuple[Message, ...] = ()
    sweeps: frozenset[str | None] = frozenset()
    """Sweeps in which something changed; None stands for a canary."""


@dataclass(frozen=True)
class Resolution:
    """Where the result of a task lies, and the result when there is one."""

    task_id: str
    key: str
    result: Result | None = None


class Ledger:
    """Reads open tasks and writes decisions, each guarded by the state that it was made for."""

    def __init__(self, database: Database, heartbeats: Heartbeats, *, rules: Rules = RULES) -> None:
        self._database = database
        self._heartbeats = heartbeats
        self._rules = rules

    def open_tasks(self) -> list[OpenTask]:
        """Every task of every running sweep, ended ones too, and every canary that has not ended."""
        columns = [TASKS.c.token, *(TASKS.c[each.name] for each in fields(OpenTask))]
        running = select(*columns).join(SWEEPS).where(SWEEPS.c.state == SweepState.RUNNING)
        unended = (TASKS.c.kind == Kind.CANARY) & TASKS.c.state.not_in(sorted(ENDS))
        with self._database.reading() as connection:
            rows = [*connection.execute(running), *connection.execute(select(*columns).where(unended))]
        return [self._open(row) for row in rows]

    def resolutions(self, task_ids: Sequence[str]) -> list[Resolution]:
        """The keys of tasks whose inputs are all made."""
        columns = (TASKS.c.id, TASKS.c.action, TASKS.c.inputs, TASKS.c.needs, TASKS.c.identity, TASKS.c.sweep_id)
        wanted = select(*columns, SWEEPS.c.spec["fresh"].as_boolean().label("fresh")).outerjoin(SWEEPS)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.where(TASKS.c.id.in_(task_ids))).all()
            inputs = [inputs_of(row.inputs) for row in rows]
            digests = _digests(connection, inputs)
        return [
            Resolution(
                row.id,
                key_of(
                    _ACTION.validate_python(row.action),
                    {role: digests[source] for role, source in sources.items()},
                    needs=Needs.model_validate(row.needs),
                    identity=row.identity,
                    fresh_for=row.id if row.sweep_id is None else row.sweep_id if row.fresh else None,
                ),
            )
            for row, sources in zip(rows, inputs, strict=True)
        ]

    def settle(self, resolutions: Sequence[Resolution], *, now: float) -> frozenset[str | None]:
        """Tasks whose results were found are done, the others ready; returns the sweeps that changed."""
        changed: set[str | None] = set()
        with self._database.writing() as connection:
            for each in resolutions:
                pending = (TASKS.c.id == each.task_id) & (TASKS.c.state == TaskState.PENDING)
                row = connection.execute(select(TASKS).where(pending)).first()
                if row is not None:
                    transition(connection, pending, change=self._settled(connection, row, each, now))
                    changed.add(row.sweep_id)
        return frozenset(changed)

    def _settled(self, connection: Connection, row: Row[Any], found: Resolution, now: float) -> Change:
        if found.result is None:
            return Change(TaskState.READY, {"ready_at": row.ready_at or now, "key": found.key})
        moved = reassigned_by(connection, row, found.result, now=now, rules=self._rules)
        if moved is not None:
            return moved
        judge_canary(connection, row.id, row.pinned_to, found.result, now=now)
        # After an attempt it is this task's own result, whose end the worker could not report.
        return done(found.result, now=now, cached=row.attempt == 0).having(key=found.key)

    def apply(self, decided: Sequence[actions.Action], *, now: float) -> Applied:
        """Writes decisions, in one transaction; what changed in the meantime is left alone."""
        with self._database.writing() as connection:
            applied = [_write(connection, action, now) for action in decided]
        sweeps = frozenset(sweep_id for each in applied for sweep_id in each.sweeps)
        return Applied(messages=tuple(message for each in applied for message in each.messages), sweeps=sweeps)

    def _open(self, row: Row[Any]) -> OpenTask:
        last = self._heartbeats.last(row.id, row.token)
        # The later word counts, not the later time: the clock may have been set back since the claim was written.
        return open_task(row, lease_until=last.lease_until if last else row.lease_until)


def _digests(connection: Connection, inputs: Sequence[Mapping[Role, Source]]) -> dict[Source, str]:
    """Source → digest of its tree."""
    sources = {source for each in inputs for source in each.values()}
    made = [source.name for source in sources if source.origin is Origin.TASK]
    rows = connection.execute(select(TASKS.c.id, TASKS.c.output_digest).where(TASKS.c.id.in_(made)))
    outputs = {row.id: row.output_digest for row in rows}
    return {each: outputs[each.name] if each.origin is Origin.TASK else each.name for each in sources}


def _write(connection: Connection, action: actions.Action, now: float) -> Applied:
    if isinstance(action, actions.EndSweep):
        ending = update(SWEEPS).where(SWEEPS.c.id == action.sweep_id, SWEEPS.c.state == SweepState.RUNNING)
        changed = connection.execute(ending.values(state=SweepState.DONE, finished_at=now)).rowcount
        return Applied(sweeps=frozenset({action.sweep_id} if changed else ()))
    if isinstance(action, actions.SendCanary):
        return Applied(sweeps=frozenset({None} if send_canary(connection, action, now=now) else ()))
    row = connection.execute(select(TASKS).where(TASKS.c.id == action.task_id)).one()
    change, before = _decided(connection, action, row, now)
    after = transition(connection, TASKS.c.id == action.task_id, change=change, before=before)
    if after and isinstance(action, actions.Expire | actions.GiveUp):
        release_device(connection, row.device, now=now)
    sent = after if isinstance(action, actions.Dispatch) else ()
    messages = tuple(Message(action.task_id, each.token, each.device or "") for each in sent)
    return Applied(messages, sweeps=frozenset(each.sweep_id for each in after))


def _decided(
    connection: Connection, action: actions.Action, row: Row[Any], now: float
) -> tuple[Change, tuple[TaskState, ...]]:
    """What a decision does to a task, and the states of the task that it was made for."""
    match action:
        case actions.Dispatch(device=device):
            values = {"device": device, "token": TOKEN, "dispatched_at": now}
            return Change(TaskState.DISPATCHED, values), (TaskState.READY, TaskState.DISPATCHED)
        case actions.Recall():
            return Change(TaskState.READY, {"device": None, "token": TOKEN}), (TaskState.DISPATCHED,)
        case actions.Expire():
            return Change(TaskState.PENDING, {"device": None, "token": TOKEN}), (TaskState.RUNNING,)
        case actions.GiveUp():
            lost = Failure(reason=Reason.WORKER_LOST, message=f"its worker was lost {row.attempt} times")
            return failed(lost, now=now).having(token=TOKEN), (TaskState.RUNNING,)
        case actions.Block() | actions.Skip():
            state = TaskState.BLOCKED if isinstance(action, actions.Block) else TaskState.SKIPPED
            return Change(state, {"finished_at": now}), (TaskState.PENDING,)
        case actions.Reassign(device=device):
            return reassigned_from_quarantine(connection, row, device, now=now), (TaskState.READY,)
        case actions.Resolve() | actions.EndSweep() | actions.SendCanary():
            raise ValueError(f"{action} is not written task by task")
