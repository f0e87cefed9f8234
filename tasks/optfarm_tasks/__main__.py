"""The child: `python -m optfarm_tasks DIR` runs the task of DIR/task.json and leaves outputs/ and result.json.

Exit codes: 0 facts are written, 1 a typed failure is written, 2 DIR holds no task, 143 it was interrupted. SIGTERM ends
it at once, as it ends any program: a handler would wait for the framework's native code to return.
"""

import importlib
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from optfarm_tasks import progress
from optfarm_tasks.actions import ACTIONS
from optfarm_tasks.errors import Reason, TaskError
from optfarm_tasks.frameworks.imports import is_exhaustion, line_of
from optfarm_tasks.progress import OnPhase
from optfarm_tasks.schema.faults import faults_of
from optfarm_tasks.schema.result import Facts, Failure, Outcome
from optfarm_tasks.schema.spec import Task

DONE, FAILED, NO_TASK, INTERRUPTED = 0, 1, 2, 143


class NoTask(Exception):
    """The folder holds no task that can be run."""


def main(arguments: list[str]) -> int:
    """Runs the task of a folder; gives the exit code."""
    try:
        folder = _folder(arguments)
        task = _task(folder)
        outcome = _outcome(folder, task)
        _write(folder, outcome)
    except NoTask as error:
        sys.stderr.write(f"error: {error}\n")
        return NO_TASK
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE if outcome.failure is None else FAILED


def _folder(arguments: list[str]) -> Path:
    if len(arguments) != 1:
        raise NoTask("usage: python -m optfarm_tasks DIR")
    return Path(arguments[0]).absolute()


def _task(folder: Path) -> Task:
    file = folder / "task.json"
    try:
        task = Task.model_validate_json(file.read_bytes())
    except OSError as error:
        raise NoTask(f"{file} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise NoTask(f"{file} is no task: {faults_of(error)[0]}") from error
    missing = ACTIONS[task.action.kind].roles - task.inputs.keys()
    if missing:
        raise NoTask(f"{file}: to {task.action.kind} takes inputs for {', '.join(sorted(missing))}")
    return task


def _outcome(folder: Path, task: Task) -> Outcome:
    _clear(folder)
    try:
        return Outcome(facts=_facts(folder, task, progress.from_environment()))
    except Exception as error:  # noqa: BLE001 (whatever goes wrong stands in the result)
        traceback.print_exc()
        return Outcome(failure=failure_of(error))


def failure_of(error: Exception) -> Failure:
    """The failure that an error becomes: its own reason if it has one, else what its kind means."""
    if isinstance(error, TaskError):
        return Failure(reason=error.reason, message=str(error))
    reason = Reason.OUT_OF_MEMORY if is_exhaustion(error) else Reason.INTERNAL
    return Failure(reason=reason, message=f"{type(error).__name__}: {line_of(error)}")


def _facts(folder: Path, task: Task, on_progress: OnPhase) -> Facts:
    """Does the action; only its own part of the package is imported, for a start costs time at every task."""
    action: Any = importlib.import_module(ACTIONS[task.action.kind].module)
    facts: Facts = action.run(folder, task, on_progress)
    return facts


def _clear(folder: Path) -> None:
    """Removes what an earlier run left, so that nothing old can pass for this run's."""
    (folder / "result.json").unlink(missing_ok=True)
    shutil.rmtree(folder / "outputs", ignore_errors=True)
    (folder / "outputs").mkdir(exist_ok=True)


def _write(folder: Path, outcome: Outcome) -> None:
    partial = folder / "result.json.part"
    partial.write_text(outcome.model_dump_json(indent=2))
    partial.replace(folder / "result.json")


def _leave(status: int) -> NoReturn:
    # Frameworks may hang or crash while the interpreter is torn down; all there is to save is saved.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _leave(main(sys.argv[1:]))
