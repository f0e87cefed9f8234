"""Runs `python -m optfarm_tasks DIR` on real models, as a worker does."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks.errors import Reason
from optfarm_tasks.schema.recipe import Recipe
from optfarm_tasks.schema.result import Outcome
from optfarm_tasks.schema.spec import Action, Convert, Limits, Role, Task
from optfarm_tasks.schema.tree import scan


def images(count: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {
        "image": random.random((count, 8, 8, 3)).astype(np.float32),
        "speed": random.random((count, 1)).astype(np.float32),
    }


def classes(count: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 2, count)


@dataclass(frozen=True)
class ChildResult:
    """How a child ended."""

    code: int
    log: str
    outcome: Outcome | None

    def facts(self, kind: type) -> Any:
        assert self.code == 0, self.log[-3000:]
        assert self.outcome is not None
        assert isinstance(self.outcome.facts, kind)
        return self.outcome.facts

    def failure(self, reason: Reason) -> str:
        assert self.code == 1, self.log[-3000:]
        assert self.outcome is not None
        assert self.outcome.failure is not None
        assert self.outcome.failure.reason is reason, self.outcome.failure
        return self.outcome.failure.message


def lay_out(folder: Path, action: Action, *, limits: Limits | None = None, **inputs: Path) -> Path:
    """A task's folder, whose inputs are links as a worker makes them."""
    for role, source in inputs.items():
        for file in [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]:
            place = folder / "inputs" / role / (file.name if source.is_file() else file.relative_to(source))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(file)
    trees = {Role(role): scan(folder / "inputs" / role) for role in inputs}
    (folder / "task.json").write_text(Task(action=action, inputs=trees, limits=limits or Limits()).model_dump_json())
    return folder


def run(folder: Path, *options: str, python: tuple[str, ...] = (sys.executable,), **changes: Any) -> ChildResult:
    """Runs the child to its end."""
    env = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2", CUDA_VISIBLE_DEVICES="-1") | changes.pop("env", {})
    command = [*python, "-m", "optfarm_tasks", *(options or (str(folder),))]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120, check=False, **changes)
    result = folder / "result.json"
    outcome = Outcome.model_validate_json(result.read_bytes()) if result.exists() else None
    return ChildResult(ended.returncode, ended.stdout + ended.stderr, outcome)


def convert(recipe: str) -> Convert:
    return Convert(recipe=Recipe.parse(recipe))
