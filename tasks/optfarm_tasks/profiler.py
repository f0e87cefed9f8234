"""What a profiler is: one module in profilers/ that observes a runtime's ops; its file name is the runtime's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter_ns
from typing import Any, Protocol

from optfarm_tasks.description import Signature
from optfarm_tasks.runtime import Arrays, Session
from optfarm_tasks.schema.device import CPU, DeviceSpec


@dataclass(frozen=True)
class Event:
    """One op that ran."""

    name: str
    """Of the node, as the model or the engine calls it."""
    op: str
    """Its type."""
    start_ns: int
    """By any clock that all events of an inference share."""
    duration_ns: int
    thread: int = 0
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inference:
    """One inference that was observed."""

    wall_ns: int
    """From the host's input to the host's output, the profiler's own work included."""
    events: tuple[Event, ...]


class Probe(Protocol):
    """A loaded artifact whose ops can be observed."""

    signature: Signature
    """Inputs and outputs by name; who knows better says where their batches are."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What has to be known of this profiler to read its numbers."""
        ...

    def feed(self, inputs: Arrays) -> Any:
        """Turns real-valued inputs into what run() takes; what was fed last is what may be run."""
        ...

    def run(self, feed: Any) -> Any:
        """One inference that nobody observes."""
        ...

    def observe(self, feed: Any, runs: int) -> tuple[Inference, ...]:
        """So many inferences one after the other; of a profiler that keeps means, a single one that is their mean."""
        ...


class Profiler(Protocol):
    """The shape of a module in profilers/."""

    def load(self, model: Path, *, threads: int, device: DeviceSpec = CPU) -> Probe:
        """Loads the artifact in a folder onto a device.

        Raises:
            BadModel: the runtime refuses it.
            BadParameter: the runtime does not compute on that device.
            MissingToolchain: the runtime does not import here.
            UnsupportedOp: it runs, but cannot be observed.
        """
        ...


def wall_ns(call: Callable[[], object]) -> int:
    """How long a call takes, by the clock on the wall."""
    start = perf_counter_ns()
    call()
    return perf_counter_ns() - start


class PlainSession:
    """A model as its runtime loads it; whoever observes it loads the file a second time."""

    def __init__(self, plain: Session, file: Path, *, threads: int) -> None:
        """Takes the model as the runtime loads it, and the file that it is of."""
        self._plain, self._file, self._threads = plain, file, threads

    @property
    def signature(self) -> Signature:
        """That of the file."""
        return self._plain.signature

    @signature.setter
    def signature(self, signature: Signature) -> None:
        self._plain.signature = signature

    def feed(self, inputs: Arrays) -> Any:
        """What the runtime takes."""
        return self._plain.feed(inputs)

    def run(self, feed: Any) -> Any:
        """One inference that nobody observes."""
        return self._plain.run(feed)
