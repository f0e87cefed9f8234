"""Runs single tasks of the farm on folders, without a farm: `python -m optfarm_tasks DIR`.

Like a farm's worker it leaves the host to a task that reads clocks, also where a farm runs beside it.
"""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from optfarm.loss import loss
from optfarm_tasks.schema.result import BenchmarkResult, Conversion, Facts, Outcome, Quality
from optfarm_tasks.schema.spec import Action, Benchmark, Convert, Effort, Evaluate, Role, Task
from optfarm_tasks.schema.tree import scan
from optfarm_worker.idle import IdleLock, shared_lock

IDLE_WAIT_S = 3600
FactsT = TypeVar("FactsT", bound=Facts)


class TaskFailed(Exception):
    """A task ended with a failure; the message is its reason."""


@dataclass(frozen=True)
class LocalTasks:
    """Where tasks run, one folder each."""

    folder: Path

    def convert(self, action: Convert, model: Path, data: Path | None = None) -> Path:
        """The folder of the artifact that a recipe makes.

        Raises:
            TaskFailed: it makes none.
        """
        inputs = {Role.MODEL: model} | ({} if data is None else {Role.DATA: data})
        place = self._run("convert", action, Conversion, inputs)[1]
        return place / "outputs"

    def loss(self, baseline: Path, candidate: Path, data: Path) -> float:
        """By how much the candidate's error on the labels exceeds the baseline's: 0.05 is 5% worse.

        Raises:
            TaskFailed: it cannot be run or compared, or has collapsed.
        """
        inputs = {Role.BASELINE: baseline, Role.CANDIDATE: candidate, Role.DATA: data}
        quality, _ = self._run("evaluate", Evaluate(), Quality, inputs)
        lost = loss(quality)
        if quality.collapsed or lost is None:
            raise TaskFailed(quality.collapse_reason or "its quality is not known")
        return lost

    def race(self, baseline: Path, candidate: Path, data: Path, effort: Effort) -> BenchmarkResult:
        """The paired measurement on one thread, batch 1; its ratio is above 1 where the candidate is faster.

        Raises:
            TaskFailed: one of them cannot be run.
        """
        inputs = {Role.BASELINE: baseline, Role.CANDIDATE: candidate, Role.DATA: data}
        return self._run("race", Benchmark(effort=effort), BenchmarkResult, inputs)[0]

    def _run(self, name: str, action: Action, kind: type[FactsT], inputs: dict[Role, Path]) -> tuple[FactsT, Path]:
        place = self.folder / "tasks" / name
        shutil.rmtree(place, ignore_errors=True)
        for role, source in inputs.items():
            _link(source, place / "inputs" / role)
        trees = {role: scan(place / "inputs" / role) for role in inputs}
        (place / "task.json").write_text(Task(action=action, inputs=trees).model_dump_json())
        env = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
        with (place / "log").open("wb") as log, closing(IdleLock(shared_lock())) as host:
            command = [sys.executable, "-m", "optfarm_tasks", str(place)]
            with host.held(alone=action.kind.runs_alone, wait_s=IDLE_WAIT_S, cancelled=threading.Event()):
                subprocess.run(command, env=env, stdout=log, stderr=log, check=False)
        return _facts(place, kind), place


def _link(source: Path, place: Path) -> None:
    root = source.parent if source.is_file() else source
    for file in [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file()):
        linked = place / file.relative_to(root)
        linked.parent.mkdir(parents=True, exist_ok=True)
        linked.symlink_to(file.resolve())


def _facts(place: Path, kind: type[FactsT]) -> FactsT:
    result = place / "result.json"
    if not result.exists():
        raise TaskFailed(f"the task was ended from outside; its log is {place / 'log'}")
    outcome = Outcome.model_validate_json(result.read_bytes())
    if outcome.failure is not None:
        raise TaskFailed(f"{outcome.failure.reason}: {outcome.failure.message}")
    if not isinstance(outcome.facts, kind):
        raise TypeError(f"{place} holds {type(outcome.facts).__name__} and not {kind.__name__}")
    return outcome.facts
