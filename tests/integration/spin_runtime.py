"""A runtime for tests: its artifact is spin.json, which says how long a request spins and what goes wrong."""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Format, Signature, Tensor
from optfarm_tasks.errors import BadModel
from optfarm_tasks.runtime import Arrays

FORMATS: frozenset[Format] = frozenset()
MODULES = ("no_such_framework",)


class Spinning:
    """Takes as long as its artifact says; ends its process by a signal when it has run for so long."""

    precision = "float32"
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 4)),))

    def __init__(
        self,
        spin_ns: int,
        *,
        signal: int | None,
        signal_after_s: float,
        per_sample_ns: int = 0,
        most_samples: int | None = None,
    ) -> None:
        self.spin_ns = spin_ns
        self.per_sample_ns = per_sample_ns
        self.most_samples = most_samples
        self.signal = signal
        self.dies_at = time.monotonic() + signal_after_s

    def feed(self, inputs: Arrays) -> Any:
        """Gives the one input."""
        return inputs["x"]

    def run(self, feed: Any) -> Any:
        """Spins."""
        if self.most_samples is not None and len(feed) > self.most_samples:
            raise MemoryError(f"no room for {len(feed)} samples")
        ends_at = time.perf_counter_ns() + self.spin_ns + len(feed) * self.per_sample_ns
        while time.perf_counter_ns() < ends_at:
            pass
        if self.signal is not None and time.monotonic() >= self.dies_at:
            os.kill(os.getpid(), self.signal)
        return feed

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """Gives the input back."""
        return {"y": raw}


def load(model: Path, threads: int) -> Spinning:  # noqa: ARG001 (the signature is a runtime's)
    """Reads spin.json; refuses when it says so."""
    told = json.loads((model / "spin.json").read_text())
    if "refusal" in told:
        raise BadModel(told["refusal"])
    if told.get("hurts"):
        raise EOFError("half a model")
    return Spinning(
        told["spin_ns"],
        signal=told.get("signal"),
        signal_after_s=told.get("signal_after_s", 0),
        per_sample_ns=told.get("per_sample_ns", 0),
        most_samples=told.get("most_samples"),
    )
