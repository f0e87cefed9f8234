"""What a runtime is: one module in runtimes/ that loads an artifact and runs it; its file name registers it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Format, Signature

Arrays = Mapping[str, NDArray[Any]]
"""Input or output name → array whose first axis is the batch."""


class Session(Protocol):
    """A loaded artifact."""

    @property
    def signature(self) -> Signature:
        """Inputs and outputs by name, as the runtime tells them."""
        ...

    @property
    def precision(self) -> str:
        """The precision in which the engine computes, read back from it: float32, int8, mixed …"""
        ...

    def feed(self, inputs: Arrays) -> Any:
        """Turns real-valued inputs into what run() takes: casts, quantises, resizes. Not timed."""
        ...

    def run(self, feed: Any) -> Any:
        """One inference, from host input ready to host output ready: what the e2e clock times."""
        ...

    def outputs(self, raw: Any) -> dict[str, NDArray[np.generic]]:
        """Turns what run() gave into real-valued outputs by name: dequantises. Not timed."""
        ...


class Runtime(Protocol):
    """The shape of a module in runtimes/."""

    FORMATS: frozenset[Format]
    MODULES: tuple[str, ...]

    def load(self, model: Path, threads: int) -> Session:
        """Loads the artifact in a folder; 0 threads leave their number to the runtime.

        Raises:
            BadModel: the runtime refuses it.
            MissingToolchain: the runtime does not import here.
        """
        ...

    def ends(self, model: Path) -> tuple[str, ...]:
        """Names of what the artifact's graph computes and nothing in it takes."""
        ...
