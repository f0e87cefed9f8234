"""Reads the files of a bundle as typed values: its report, its sweep, and its tasks with their results."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from optfarm.bundle.archive import Archive
from optfarm.bundle.manifest import RAN, REPORT, SWEEP, artifact_folder, task_file
from optfarm.errors import BadRequest
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.errors import BadData
from optfarm_tasks.schema.faults import text_of
from optfarm_tasks.schema.result import Result
from optfarm_tasks.schema.spec import Task
from optfarm_tasks.schema.sweep import SweepReport, SweepStatus, TaskState, TaskStatus
from optfarm_tasks.schema.tree import Tree

T = TypeVar("T")


@dataclass(frozen=True)
class FinishedTask:
    """A task that is done, with what it ran on and what it found out."""

    status: TaskStatus
    task: Task
    result: Result


class Contents:
    """A bundle as typed values.

    Raises, whatever is read:
        BadRequest: the file is missing, or not what its name says.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.report = self._read(REPORT, SweepReport)
        self.sweep = self._read(SWEEP, SweepStatus)
        self.tasks = {each.id: self._task(each.id) for each in self.sweep.tasks if each.state in RAN}
        """What each task ran on, also one that failed."""
        self.finished = tuple(self._finished())

    def raw(self, task_id: str) -> tuple[raw.Columns, str]:
        """The raw samples of a benchmark task, and the estimator that they name."""
        name = task_file(task_id, raw.FILE)
        with self._archive.open(name) as stream, tempfile.TemporaryDirectory(prefix="optfarm-") as folder:
            path = Path(folder) / raw.FILE
            with path.open("wb") as copy:
                shutil.copyfileobj(stream, copy)
            try:
                return raw.read(path)
            except BadData as error:
                raise BadRequest(f"{name} in the bundle: {str(error).replace(folder, '').lstrip('/')}") from error

    def sha256(self, name: str) -> str | None:
        """The digest of a file; None where there is none of that name."""
        return next((file.sha256 for file in self._archive.manifest.files if file.path == name), None)

    def artifact(self, digest: str) -> Tree | None:
        """The files of an artifact that the bundle has; None where it has only its digest."""
        folder = f"{artifact_folder(digest)}/"
        files = [file for file in self._archive.manifest.files if file.path.startswith(folder)]
        own = tuple(file.model_copy(update={"path": file.path.removeprefix(folder)}) for file in files)
        return Tree(files=own) if own else None

    def _finished(self) -> Iterator[FinishedTask]:
        for status in self.sweep.tasks:
            if status.state is TaskState.DONE:
                result = self._read(task_file(status.id, "result.json"), Result)
                yield FinishedTask(status, self.tasks[status.id], result)

    def _task(self, task_id: str) -> Task:
        self._read(task_file(task_id, "toolchain.json"), dict[str, str])
        return self._read(task_file(task_id, "task.json"), Task)

    def _read(self, name: str, kind: type[T]) -> T:
        try:
            return TypeAdapter(kind).validate_json(self._archive.read(name))
        except ValidationError as error:
            raise BadRequest(f"{name} in the bundle is not what its name says: {text_of(error)}") from error
