"""A runtime that runs another's artifact several times a request; its own artifact is repeated.json."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.controller.resident import Variant
from optfarm_tasks.description import Format
from optfarm_tasks.runtime import Arrays, Session
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

FORMATS: frozenset[Format] = frozenset()
MODULES = ()
DEVICES = frozenset(DeviceKind)
INSTRUCTION_SETS: frozenset[str] = frozenset()


class Repeated:
    """A session that does its work more than once, as a model of so many times the work would."""

    def __init__(self, session: Session, times: int) -> None:
        """Takes the session that does the work."""
        self.signature, self.precision = session.signature, session.precision
        self._session, self._times = session, times

    def feed(self, inputs: Arrays) -> Any:
        """As the session has it."""
        return self._session.feed(inputs)

    def run(self, feed: Any) -> Any:
        """Works so many times."""
        for _ in range(self._times - 1):
            self._session.run(feed)
        return self._session.run(feed)

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """As the session has them."""
        return self._session.outputs(raw)

    def reset(self) -> None:
        """As the session has it."""
        self._session.reset()

    def exact(self) -> None:
        """Nothing: it is only timed."""


def variant(original: Variant, folder: Path, *, times: int) -> Variant:
    """A variant of so many times the original's work; its artifact is written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"runtime": original.runtime, "folder": str(original.folder.absolute()), "times": times}
    (folder / "repeated.json").write_text(json.dumps(settings))
    return Variant(original.role, folder, __name__)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Repeated:
    """Loads the artifact that repeated.json names."""
    settings = json.loads((model / "repeated.json").read_text())
    runtime = importlib.import_module(settings["runtime"])
    return Repeated(runtime.load(Path(settings["folder"]), threads=threads, device=device), settings["times"])


def ends(model: Path) -> tuple[str, ...]:
    """As the artifact has them that repeated.json names."""
    settings = json.loads((model / "repeated.json").read_text())
    found: tuple[str, ...] = importlib.import_module(settings["runtime"]).ends(Path(settings["folder"]))
    return found
