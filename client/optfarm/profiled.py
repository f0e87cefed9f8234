"""The op profile of a model: times by type of op, the trace, and the table that people read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from optfarm.api import Api
from optfarm.download import read_blob
from optfarm.errors import NotFound
from optfarm_tasks.schema.result import OpProfile, Result

HEADINGS = ("op", "count", "time", "share")
ROWS = 20
"""So many types of ops a table shows."""
_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


@dataclass(frozen=True)
class Profiled:
    """A task that observed ops and is done."""

    facts: OpProfile
    result: Result
    api: Api

    def write_trace(self, file: Path) -> None:
        """Writes the Chrome trace of one inference; a file that is there is replaced.

        Raises:
            FarmError: the farm refused or stayed away.
            OSError: the file cannot be written.
        """
        (trace,) = self.result.outputs.files
        file.write_bytes(read_blob(self.api.connection, trace.sha256))


def profiled(api: Api, task_id: str) -> Profiled:
    """The profile that a task made.

    Raises:
        NotFound: there is no such task, or it observed no ops, or is not done.
        FarmError: the farm refused or stayed away.
    """
    task = api.task(task_id)
    if task.result is None or not isinstance(task.result.facts, OpProfile):
        raise NotFound(f"task {task_id} is a {task.state} {task.kind}; it tells of no ops")
    return Profiled(task.result.facts, task.result, api)


def rows_of(facts: OpProfile) -> Iterator[tuple[str, str, str, str]]:
    """The table's rows under HEADINGS, the most expensive type first; what does not fit is added up."""
    for each in facts.ops[:ROWS]:
        yield each.op, str(each.count), time_text(each.total_ns), f"{each.share:.1%}"
    rest = facts.ops[ROWS:]
    if rest:
        count, total_ns = sum(each.count for each in rest), sum(each.total_ns for each in rest)
        yield f"{len(rest)} more", str(count), time_text(total_ns), f"{sum(each.share for each in rest):.1%}"


def notes_of(facts: OpProfile) -> Iterator[str]:
    """What a reader of the table has to know."""
    ops_ns = sum(each.total_ns for each in facts.ops)
    overhead = facts.profiled_ns / facts.plain_ns - 1
    yield (
        f"one inference takes {time_text(facts.plain_ns)}, {time_text(facts.profiled_ns)} with the profiler "
        f"({overhead:+.0%}); the ops take {time_text(ops_ns)}"
    )
    yield f"means of {facts.runs} inferences on {'the data set' if facts.input_source == 'data' else 'random inputs'}"
    yield from facts.notes


def time_text(duration_ns: float) -> str:
    """A duration as people say it: 12.3 ms."""
    size, unit = next((each for each in _UNITS if duration_ns >= each[0]), _UNITS[-1])
    return f"{duration_ns / size:.3g} {unit}"
