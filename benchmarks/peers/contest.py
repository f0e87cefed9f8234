"""Finds the best of an optimiser's artifacts by the farm's own measure, and races two bests against each other."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from benchmarks.peers.peer import Artifact
from benchmarks.peers.pilotnet import PilotNet
from benchmarks.peers.tasks import LocalTasks, TaskFailed
from optfarm_tasks.schema.measurement import Measurement, Verdict
from optfarm_tasks.schema.spec import Effort


@dataclass(frozen=True)
class Entry:
    """An artifact within the limit, with what the farm measured of it."""

    artifact: Artifact
    loss: float
    """The rise of the error on the labels: 0.05 is 5%."""
    measured: Measurement
    """Its ratio is against the TensorFlow SavedModel."""

    @property
    def size_bytes(self) -> int:
        """All files of the artifact."""
        return sum(file.stat().st_size for file in self.artifact.folder.rglob("*") if file.is_file())


@dataclass(frozen=True)
class Ranking:
    """Entries, fastest first, and why other artifacts are none."""

    entries: tuple[Entry, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def best(self) -> Entry | None:
        """The fastest entry."""
        return self.entries[0] if self.entries else None


def rank(artifacts: Iterable[Artifact], model: PilotNet, tasks: LocalTasks, *, max_loss: float) -> Ranking:
    """Evaluates each artifact on the test split, and times those within the limit against the SavedModel."""
    entries: list[Entry] = []
    refused: dict[str, str] = {}
    for artifact in artifacts:
        Console().print(f"judging {artifact.label}", highlight=False)
        try:
            entries.append(_entry(artifact, model, tasks, max_loss=max_loss))
        except TaskFailed as error:
            refused[artifact.label] = str(error)
    return Ranking(tuple(sorted(entries, key=lambda entry: -speed_up(entry.measured))), refused)


def _entry(artifact: Artifact, model: PilotNet, tasks: LocalTasks, *, max_loss: float) -> Entry:
    loss = tasks.loss(model.saved_model, artifact.folder, model.data)
    if loss > max_loss:
        raise TaskFailed(f"its error rises by {loss:.1%}")
    return Entry(artifact, loss, race(model.saved_model, artifact.folder, model, tasks, Effort.QUICK))


def race(baseline: Path, candidate: Path, model: PilotNet, tasks: LocalTasks, effort: Effort) -> Measurement:
    """The candidate's measurement; its ratio is above 1 where it is faster than the baseline.

    Raises:
        TaskFailed: one of them cannot be run, or the machine was too busy to measure on.
    """
    Console().print(f"racing {candidate.name} against {baseline.name}; effort {effort}", highlight=False)
    result = tasks.race(baseline, candidate, model.data, effort)
    if result.candidate.verdict is Verdict.INVALID:
        raise TaskFailed("the machine was too busy to time it")
    return result.candidate


def speed_up(raced: Measurement) -> float:
    """The ratio of a race; where requests come one after the other there always is one."""
    assert raced.ratio.value is not None
    return raced.ratio.value
