"""The base of the canary's fixed work: the parts of a runtime's session that do nothing here."""

from abc import ABC, abstractmethod
from typing import Any

from optfarm_tasks.benchmark.process.feeds import Arrays
from optfarm_tasks.description import Signature, Tensor


class FixedWork(ABC):
    """A session that computes the same each time, whatever it is fed."""

    precision = "float64"
    signature = Signature(inputs=(Tensor(name="x", dtype="float32", shape=(None, 1)),))

    def feed(self, inputs: Arrays) -> Any:
        """Returns the one input."""
        return inputs["x"]

    @abstractmethod
    def run(self, feed: Any) -> Any:
        """Does the work once."""

    def reset(self) -> None:  # noqa: B027 (there is nothing to do)
        """Nothing: it keeps nothing."""

    def exact(self) -> None:  # noqa: B027 (as above)
        """Nothing: it does not overflow."""

    def outputs(self, raw: Any) -> Arrays:
        """Returns what was computed."""
        return {"y": raw}
