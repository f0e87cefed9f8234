"""Finds the raw samples behind each row of a report that was measured."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from optfarm.api import Api
from optfarm.download import fetch
from optfarm.errors import Broken
from optfarm_tasks.benchmark.analysis import raw
from optfarm_tasks.schema.ladder import Axis
from optfarm_tasks.schema.result import BenchmarkResult, Result
from optfarm_tasks.schema.spec import Auto, Kind
from optfarm_tasks.schema.sweep import Row, SweepStatus, TaskState, TaskStatus
from optfarm_tasks.schema.tree import File, Tree


class RowKey(NamedTuple):
    """Identifies a row within a report; threads and batch size are those that were asked for."""

    recipe: str
    device: str
    threads: int | Auto
    batch_size: int | Auto


def row_key(row: Row) -> RowKey:
    """The key of a row."""
    return RowKey(str(row.recipe), row.device, row.threads, row.batch_size)


def row_key_of_task(task: TaskStatus, result: Result, facts: BenchmarkResult) -> RowKey:
    """The key of the row that a benchmark task fills."""
    measured = facts.candidate
    climbed = {ladder.axis for ladder in measured.ladders}
    threads: int | Auto = "auto" if Axis.THREADS in climbed else measured.threads
    batch_size: int | Auto = "auto" if Axis.BATCH_SIZE in climbed else measured.batch_size
    return RowKey(str(task.recipe), result.device, threads, batch_size)


def results(api: Api, sweep: SweepStatus, *kinds: Kind) -> Iterator[tuple[TaskStatus, Result]]:
    """The results of a sweep's tasks that are done, of some kinds or of all."""
    for task in sweep.tasks:
        if task.state is TaskState.DONE and (not kinds or task.kind in kinds):
            result = api.task(task.id).result
            if result is None:
                raise Broken(f"task {task.id} is done, and the farm tells no result of it")
            yield task, result


def raw_file(result: Result) -> File:
    """The file of a benchmark's raw samples.

    Raises:
        Broken: the result has none.
    """
    found = next((file for file in result.outputs.files if file.path == raw.FILE), None)
    if found is None:
        raise Broken(f"the benchmark {result.key[:12]}… left no {raw.FILE}")
    return found


def samples(api: Api, sweep: SweepStatus) -> dict[RowKey, raw.Columns]:
    """The raw samples behind each row that was measured, by its key; fetches them.

    Raises:
        BadData: a file of samples cannot be read.
        FarmError: the farm refused or stayed away.
    """
    found = {
        row_key_of_task(task, result, result.facts): raw_file(result)
        for task, result in results(api, sweep, Kind.BENCHMARK)
        if isinstance(result.facts, BenchmarkResult)
    }
    with TemporaryDirectory(prefix="optfarm-") as folder:
        once = {file.sha256: file.model_copy(update={"path": file.sha256}) for file in found.values()}
        fetch(api.connection, Tree(files=tuple(once.values())), Path(folder))
        return {key: raw.read(Path(folder) / file.sha256)[0] for key, file in found.items()}
