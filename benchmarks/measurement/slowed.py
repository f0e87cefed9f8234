"""A runtime that runs another's artifact and then spins for a known time; its own artifact is slowed.json."""

import importlib
import json
from pathlib import Path
from time import perf_counter_ns
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


class Slowed:
    """A session that takes longer."""

    def __init__(self, session: Session, spin_ns: int) -> None:
        """Takes the session that does the work."""
        self.signature, self.precision = session.signature, session.precision
        self._session, self._spin_ns = session, spin_ns

    def feed(self, inputs: Arrays) -> Any:
        """As the session has it."""
        return self._session.feed(inputs)

    def run(self, feed: Any) -> Any:
        """Works, then spins."""
        output = self._session.run(feed)
        ends_ns = perf_counter_ns() + self._spin_ns
        while perf_counter_ns() < ends_ns:
            pass
        return output

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """As the session has them."""
        return self._session.outputs(raw)

    def reset(self) -> None:
        """As the session has it."""
        self._session.reset()

    def exact(self) -> None:
        """Nothing: it is only timed."""


def variant(original: Variant, folder: Path, *, spin_ns: int) -> Variant:
    """A variant that takes so much longer than the original; its artifact is written into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"runtime": original.runtime, "folder": str(original.folder.absolute()), "spin_ns": spin_ns}
    (folder / "slowed.json").write_text(json.dumps(settings))
    return Variant(original.role, folder, __name__)


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Slowed:
    """Loads the artifact that slowed.json names."""
    settings = json.loads((model / "slowed.json").read_text())
    runtime = importlib.import_module(settings["runtime"])
    return Slowed(runtime.load(Path(settings["folder"]), threads=threads, device=device), settings["spin_ns"])


def ends(model: Path) -> tuple[str, ...]:
    """As the artifact has them that slowed.json names."""
    settings = json.loads((model / "slowed.json").read_text())
    found: tuple[str, ...] = importlib.import_module(settings["runtime"]).ends(Path(settings["folder"]))
    return found
