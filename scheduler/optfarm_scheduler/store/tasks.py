"""Single tasks: as they stand, what they made, and what lies in a task's folder when it runs."""

from typing import Any

from sqlalchemy import Connection, Row, select

from optfarm_scheduler.errors import Conflict, NotFound
from optfarm_scheduler.planning.sources import Origin, Source, inputs_of
from optfarm_scheduler.planning.task_plan import TaskPlan
from optfarm_scheduler.planning.toolchains import Needs
from optfarm_scheduler.planning.trace_plan import Artifact
from optfarm_scheduler.store.database import Database
from optfarm_scheduler.store.heartbeats import Heartbeats
from optfarm_scheduler.store.records import TaskDetails, task_details
from optfarm_scheduler.store.tables import DATA, MODELS, SWEEPS, TASKS
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.result import Conversion
from optfarm_tasks.schema.spec import Kind, Limits, Task
from optfarm_tasks.schema.sweep import SweepSpec
from optfarm_tasks.schema.tree import Tree

CANARY_LIMITS = Limits(timeout_s=300, memory_bytes=2 << 30)
"""It takes ten seconds and half a gigabyte at most."""


class Tasks:
    """The tasks of every sweep, and the canaries. Every method raises NotFound for a task that is not there."""

    def __init__(self, database: Database, heartbeats: Heartbeats) -> None:
        self._database = database
        self._heartbeats = heartbeats

    def find(self, task_id: str) -> TaskDetails:
        """A task, with its result once there is one."""
        with self._database.reading() as connection:
            return task_details(task_row(connection, task_id), self._heartbeats)

    def folder(self, task_id: str) -> tuple[Task, Needs]:
        """What it takes to run the task again: what lies in its folder, and what its toolchain must offer.

        Raises:
            Conflict: an input is not made yet.
        """
        with self._database.reading() as connection:
            row = task_row(connection, task_id)
            return task_of(connection, row), Needs.model_validate(row.needs)

    def artifact(self, task_id: str) -> Artifact:
        """What a conversion of any sweep made.

        Raises:
            Conflict: it is not done.
            BadParameter: it makes no artifact.
        """
        task = self.find(task_id)
        if task.kind is not Kind.CONVERT:
            raise BadParameter(f"{task_id} is a task of kind {task.kind}; an artifact is made by one of kind convert")
        facts = task.result and task.result.facts
        if not isinstance(facts, Conversion):
            raise Conflict(f"{task_id} is {task.state}, so there is no artifact of it")
        return Artifact(Source(Origin.TASK, task_id), task.recipe, facts.description.format)


def task_columns(task: TaskPlan, sweep_id: str | None, *, position: int, now: float) -> dict[str, Any]:
    """The columns of a task that is new; a canary is of no sweep."""
    return {
        "id": task.id,
        "sweep_id": sweep_id,
        "position": position,
        "kind": task.kind,
        "label": task.label,
        "recipe": str(task.recipe),
        "action": task.action.model_dump(mode="json"),
        "inputs": {role: str(source) for role, source in task.inputs.items()},
        "needs": task.needs.model_dump(mode="json"),
        "depends_on": list(task.depends_on),
        "pinned_to": task.pinned_to,
        "identity": task.identity,
        "queued_at": now,
    }


def task_row(connection: Connection, task_id: str) -> Row[Any]:
    """The columns of a task, with the spec of its sweep if it has one.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(select(TASKS, SWEEPS.c.spec).outerjoin(SWEEPS).where(TASKS.c.id == task_id)).first()
    if row is None:
        raise NotFound(f"there is no task {task_id!r}")
    return row


def task_of(connection: Connection, row: Row[Any]) -> Task:
    """The task of a `task_row` as a worker or a replay runs it: the action, and the tree of each input.

    Raises:
        Conflict: an input is not made yet.
    """
    inputs = {role: _tree(connection, source) for role, source in inputs_of(row.inputs).items()}
    limits = CANARY_LIMITS if row.spec is None else SweepSpec.model_validate(row.spec).limits
    return Task.model_validate({"action": row.action, "inputs": inputs, "limits": limits})


def _tree(connection: Connection, source: Source) -> Tree:
    if source.origin is Origin.TASK:
        result = connection.execute(select(TASKS.c.result).where(TASKS.c.id == source.name)).scalar_one()
        if result is None:
            raise Conflict(f"{source.name}, whose outputs this task takes, is not done")
        return Tree.model_validate(result["outputs"])
    table = MODELS if source.origin is Origin.MODEL else DATA
    tree = connection.execute(select(table.c.tree).where(table.c.digest == source.name).limit(1)).scalar_one()
    return Tree.model_validate(tree)
