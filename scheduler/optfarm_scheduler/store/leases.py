"""Who holds which task: what a worker sends is checked against the live token within one transaction."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from optfarm_scheduler.decisions.snapshot import Rules
from optfarm_scheduler.errors import LeaseLost
from optfarm_scheduler.planning.toolchains import Needs, offered
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.device_health import judge_canary, usual_of
from optfarm_scheduler.store.heartbeats import Heartbeats, LastHeartbeat
from optfarm_scheduler.store.reassignments import reassigned_by
from optfarm_scheduler.store.tables import DEVICES, TASKS
from optfarm_scheduler.store.tasks import task_of, task_row
from optfarm_scheduler.store.transitions import TOKEN, Change, done, failed, release_device, share, transition
from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.device import Inventory
from optfarm_tasks.schema.lease import Claim, Finish, Heartbeat, Lease
from optfarm_tasks.schema.spec import Kind
from optfarm_tasks.schema.sweep import TaskState


@dataclass(frozen=True)
class Terms:
    """How long a lease lasts from each heartbeat on, and how often one is wanted."""

    ttl_s: float = 15.0
    heartbeat_s: float = 1.0


class Leases:
    """Claims, heartbeats and ends."""

    def __init__(self, database: Database, heartbeats: Heartbeats, *, terms: Terms, rules: Rules) -> None:
        self._database = database
        self._heartbeats = heartbeats
        self._terms = terms
        self._rules = rules

    def claim(self, task_id: str, claim: Claim, *, now: float) -> Lease:
        """Gives the task to a worker; the same claim again gets the same lease, in case the answer was lost.

        Raises:
            NotFound: there is no such task.
            LeaseLost: the token is not the live one, or the device is another.
        """
        with self._database.writing() as connection:
            row = task_row(connection, task_id)
            if (row.token, row.device) != (claim.token, claim.device):
                raise LeaseLost(f"{task_id} was sent to {row.device} under token {row.token}, not to {claim.device}")
            if row.state == TaskState.DISPATCHED:
                started = {"attempt": row.attempt + 1, "started_at": now, "lease_until": now + self._terms.ttl_s}
                transition(connection, TASKS.c.id == task_id, change=Change(TaskState.RUNNING, started))
            elif row.state != TaskState.RUNNING:
                raise LeaseLost(f"{task_id} is {row.state}")
            lease = self._lease(connection, task_row(connection, task_id), claim.device)
        self._heartbeats.record(task_id, LastHeartbeat(claim.token, now + self._terms.ttl_s))
        return lease

    def heartbeat(self, task_id: str, beat: Heartbeat, *, now: float) -> str | None:
        """Keeps the lease alive; returns the sweep when the progress changed, for those who watch it.

        Raises:
            NotFound: there is no such task.
            LeaseLost: the task is no longer this worker's.
        """
        with self._database.reading() as connection:
            row = task_row(connection, task_id)
        _check_running(row, beat.token)
        last = LastHeartbeat(beat.token, now + self._terms.ttl_s, beat.progress)
        is_news = self._heartbeats.record(task_id, last)
        return row.sweep_id if is_news else None

    def finish(self, task_id: str, finish: Finish, *, now: float) -> frozenset[str | None]:
        """Ends the task; the same end again is no error, in case the answer was lost.

        A worker that was lost on purpose (it is going away) gives the task back, until it was tried too often.

        Returns:
            The sweeps in which something changed; None among them stands for a canary, which belongs to none.

        Raises:
            NotFound: there is no such task.
            LeaseLost: the token is not the live one, so nothing changes.
        """
        with self._database.writing() as connection:
            row = task_row(connection, task_id)
            if row.token == finish.token and row.state in (TaskState.DONE, TaskState.FAILED, TaskState.SKIPPED):
                return frozenset({row.sweep_id})
            _check_running(row, finish.token)
            change = self._end(connection, row, finish, now)
            changed = transition(connection, TASKS.c.id == task_id, change=change, before=(TaskState.RUNNING,))
            release_device(connection, row.device, now=now)
            if finish.result is not None:
                changed += share(connection, finish.result, now=now)
                judge_canary(connection, task_id, row.device, finish.result, now=now)
        self._heartbeats.forget(task_id)
        return frozenset(each.sweep_id for each in changed)

    def _end(self, connection: Connection, row: Row[Any], finish: Finish, now: float) -> Change:
        if finish.result is not None:
            if finish.result.key != row.key:
                raise LeaseLost(f"the result of {row.id} has the key {finish.result.key}; {row.key} is wanted")
            moved = reassigned_by(connection, row, finish.result, now=now, rules=self._rules)
            return (moved or done(finish.result, now=now, cached=False)).having(log=finish.log)
        if finish.failure is None:
            raise LeaseLost(f"the end of {row.id} says neither result nor failure")
        if finish.failure.reason is Reason.WORKER_LOST and row.attempt < self._rules.attempts:
            return Change(TaskState.PENDING, {"token": TOKEN, "device": None})
        return failed(finish.failure, now=now).having(log=finish.log)

    def _lease(self, connection: Connection, row: Row[Any], device: str) -> Lease:
        found = connection.execute(select(DEVICES.c.inventory).where(DEVICES.c.name == device)).scalar_one_or_none()
        inventory = None if found is None else Inventory.model_validate(found)
        needs = Needs.model_validate(row.needs)
        toolchain = inventory and offered(inventory, needs)
        if not (inventory and toolchain):
            raise LeaseLost(f"{device} no longer offers what {row.id} needs")
        # What runs models computes on the worker's own device: CUDA shows it no other.
        is_placed = row.pinned_to is not None or needs.gpu or needs.runtimes
        pinned = {"device": inventory.spec} if is_placed else {}
        usual = {"usual": usual_of(connection, device)} if row.kind == Kind.BENCHMARK else {}
        return Lease(
            task_id=row.id,
            sweep_id=row.sweep_id,
            key=row.key,
            task=task_of(connection, row).model_copy(update=pinned | usual),
            toolchain=toolchain.name,
            attempt=row.attempt,
            ttl_s=self._terms.ttl_s,
            heartbeat_s=self._terms.heartbeat_s,
        )


def _check_running(row: Row[Any], token: int) -> None:
    if row.state != TaskState.RUNNING or row.token != token:
        raise LeaseLost(f"{row.id} is {row.state} under token {row.token}; token {token} holds nothing")
