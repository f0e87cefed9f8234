"""Puts together what lies in a task's folder: the action, and the tree of each input."""

from typing import Any

from sqlalchemy import Connection, Row, select

from optfarm_scheduler.errors import Conflict, NotFound
from optfarm_scheduler.planning.sources import Origin, Source, inputs_of
from optfarm_scheduler.store.device_health import LIMITS
from optfarm_scheduler.store.tables import DATA, MODELS, SWEEPS, TASKS
from optfarm_tasks.schema.spec import Task
from optfarm_tasks.schema.sweep import SweepSpec
from optfarm_tasks.schema.tree import Tree


def folder(connection: Connection, row: Row[Any]) -> Task:
    """The task as a worker or a replay runs it.

    Args:
        connection: reads the trees.
        row: columns of the task, with the spec of its sweep; None of a canary.

    Raises:
        Conflict: an input is not made yet.
    """
    inputs = {role: _tree(connection, source) for role, source in inputs_of(row.inputs).items()}
    limits = LIMITS if row.spec is None else SweepSpec.model_validate(row.spec).limits
    return Task.model_validate({"action": row.action, "inputs": inputs, "limits": limits})


def task_row(connection: Connection, task_id: str) -> Row[Any]:
    """The columns of a task, with the spec of its sweep if it has one.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute(select(TASKS, SWEEPS.c.spec).outerjoin(SWEEPS).where(TASKS.c.id == task_id)).first()
    if row is None:
        raise NotFound(f"there is no task {task_id!r}")
    return row


def _tree(connection: Connection, source: Source) -> Tree:
    if source.origin is Origin.TASK:
        result = connection.execute(select(TASKS.c.result).where(TASKS.c.id == source.name)).scalar_one()
        if result is None:
            raise Conflict(f"{source.name}, whose outputs this task takes, is not done")
        return Tree.model_validate(result["outputs"])
    table = MODELS if source.origin is Origin.MODEL else DATA
    tree = connection.execute(select(table.c.tree).where(table.c.digest == source.name).limit(1)).scalar_one()
    return Tree.model_validate(tree)
