"""Another optimiser: its environment from a lock, its search, and what came of it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.pilotnet import PilotNet

HERE = Path(__file__).parent
LIMIT_S = 3600


@dataclass(frozen=True)
class Artifact:
    """A model that an optimiser made."""

    label: str
    folder: Path


@dataclass(frozen=True)
class Searched:
    """What a peer's search left, or why there is nothing."""

    artifacts: tuple[Artifact, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    did: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Part of the search → why it made nothing."""
    failure: str = ""
    """Why the whole peer is out; its artifacts do not count then."""


@dataclass(frozen=True)
class Peer:
    """An optimiser by the name that its lock file and its search carry."""

    title: str
    name: str

    def search(self, model: PilotNet, folder: Path, *, max_loss: float) -> Searched:
        """Installs the peer into folder/venv, lets it search, and reads what it left in folder/found.

        What an earlier run found for the same model is kept; remove the folder to search again.
        """
        found = folder / "found"
        said = found / "said.json"
        if not said.exists():
            shutil.rmtree(found, ignore_errors=True)
            found.mkdir(parents=True)
            try:
                python = self._environment(folder / "venv")
                self._run(python, model, found, folder / "log", max_loss=max_loss)
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                return Searched(failure=_reason(error, folder / "log"))
        stated = json.loads(said.read_text())
        artifacts = tuple(Artifact(each.name, each) for each in sorted(found.iterdir()) if each.is_dir())
        return Searched(artifacts, stated["versions"], stated["did"], stated["failed"])

    def _environment(self, venv: Path) -> Path:
        """The Python of an environment that holds exactly what the lock names."""
        lock, stamp = HERE / f"{self.name}.lock", venv / "lock"
        python = venv / "bin/python"
        if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
            return python
        log = venv.parent / "log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as stream:
            # pip, also where there is uv: it reads the index that this machine is configured to use, and on one without
            # NVIDIA's libraries PyTorch's CPU build comes from an index of its own.
            for command in (
                [sys.executable, "-m", "venv", "--clear", str(venv)],
                [str(python), "-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r", str(lock)],
            ):
                subprocess.run(command, check=True, stdout=stream, stderr=stream, timeout=LIMIT_S)
        shutil.copyfile(lock, stamp)
        return python

    def _run(self, python: Path, model: PilotNet, found: Path, log: Path, *, max_loss: float) -> None:
        options = {"model": model.onnx, "data": model.data, "found": found, "max-loss": max_loss}
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        env = {**os.environ, "OLIVE_DISABLE_TELEMETRY": "1", "PYTHONNOUSERSITE": "1"}
        program = HERE / f"searches/with_{self.name}.py"
        with log.open("wb") as stream:
            subprocess.run(
                [str(python), str(program), *words],
                check=True, env=env, cwd=found.parent, stdout=stream, stderr=stream, timeout=LIMIT_S,
            )  # fmt: skip


PEERS = (Peer("Olive", "olive"), Peer("NNCF", "nncf"), Peer("Neural Compressor", "neural_compressor"))


def _reason(error: subprocess.SubprocessError, log: Path) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"it did not end within {LIMIT_S} s"
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else str(error)
