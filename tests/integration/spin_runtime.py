"""A runtime for tests: its artifact is spin.json, which says how long a request spins and what goes wrong."""

import itertools
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
    """Takes as long as its artifact says, and misbehaves as it says: two speeds, growth, a leak, noise, a signal."""

    precision = "float32"
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 4)),))

    def __init__(
        self,
        spin_ns: int,
        *,
        other_spin_ns: int | None = None,
        grown_ns: int = 0,
        per_sample_ns: int = 0,
        most_samples: int | None = None,
        leak_bytes: int = 0,
        is_random: bool = False,
        weights_bytes: int = 0,
        signal: int | None = None,
        signal_after_s: float = 0,
    ) -> None:
        self.spins = itertools.cycle((spin_ns, spin_ns if other_spin_ns is None else other_spin_ns))
        self.growth = itertools.count(0, grown_ns)
        self.leak_bytes = leak_bytes
        self.leaked: list[bytes] = []
        self.random = np.random.default_rng(0) if is_random else None
        self.weights = b"w" * weights_bytes
        self.per_sample_ns = per_sample_ns
        self.most_samples = most_samples
        self.signal = signal
        self.dies_at = time.monotonic() + signal_after_s

    def reset(self) -> None:
        """Nothing is kept."""

    def exact(self) -> None:
        """Nothing overflows."""

    def feed(self, inputs: Arrays) -> Any:
        """Gives the one input."""
        return inputs["x"]

    def run(self, feed: Any) -> Any:
        """Spins."""
        if self.most_samples is not None and len(feed) > self.most_samples:
            raise MemoryError(f"no room for {len(feed)} samples")
        ends_at = time.perf_counter_ns() + next(self.spins) + next(self.growth) + len(feed) * self.per_sample_ns
        while time.perf_counter_ns() < ends_at:
            pass
        if self.signal is not None and time.monotonic() >= self.dies_at:
            os.kill(os.getpid(), self.signal)
        if self.leak_bytes:
            self.leaked.append(b"l" * self.leak_bytes)
        return feed if self.random is None else feed + self.random.normal(size=feed.shape)

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """Gives the input back."""
        return {"y": raw}


def load(model: Path, *, threads: int, device: object = None) -> Spinning:  # noqa: ARG001 (the signature is a runtime's)
    """Reads spin.json; refuses when it says so."""
    told = json.loads((model / "spin.json").read_text())
    if "refusal" in told:
        raise BadModel(told["refusal"])
    if told.get("hurts"):
        raise EOFError("half a model")
    return Spinning(**told)
