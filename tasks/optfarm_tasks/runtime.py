"""What a runtime is: one module in runtimes/ that loads an artifact and runs it; its file name registers it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.description import Format, Signature
from optfarm_tasks.errors import BadParameter
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

Arrays = Mapping[str, NDArray[Any]]
"""Input or output name → array whose first axis is the batch."""


class Session(Protocol):
    """A loaded artifact."""

    signature: Signature
    """Inputs and outputs by name, as the runtime names them; who knows better says where their batches are."""

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

    def reset(self) -> None:
        """Makes it forget what earlier requests left, if the artifact keeps anything."""
        ...

    def exact(self) -> "Session | None":
        """The same artifact by kernels that cannot overflow, where those it runs by do; None where they do not."""
        ...


@dataclass(frozen=True)
class DeviceTime:
    """What a request took on its device, by the device's own events."""

    compute_ns: int
    """Its kernels."""
    copies_ns: int
    """What went to the device and came back."""


class PendingRequest(Protocol):
    """A request on a device that works beside the host."""

    def result(self) -> Any:
        """Blocks until the last of its events, and gives what run() gives."""
        ...

    def is_over(self) -> bool:
        """Asks the device whether it has passed the last event; never blocks."""
        ...

    def device_time(self) -> DeviceTime:
        """What its events say, once it is over."""
        ...


class AsynchronousSession(Session, Protocol):
    """A session on a device that works beside the host; its run() is enqueue() and the result of that."""

    def enqueue(self, feed: Any) -> PendingRequest:
        """Hands a request over, copies there and back included, and does not wait for the device."""
        ...


def enqueue_of(session: Session) -> Callable[[Any], PendingRequest] | None:
    """How requests are handed to the device of a session; None where run() computes on the host itself."""
    return getattr(session, "enqueue", None)


def largest_batch_of(session: Session) -> int | None:
    """The largest batch that a session takes, of an artifact that was made for batches up to one; None of others."""
    return getattr(session, "largest_batch", None)


class Runtime(Protocol):
    """The shape of a module in runtimes/."""

    FORMATS: frozenset[Format]
    MODULES: tuple[str, ...]
    """Modules that load() imports."""
    DEVICES: frozenset[DeviceKind]
    """Kinds of devices that it computes on."""
    BUILT_FOR_CPUS: tuple[str, ...]
    """Of one that computes on GPUs too, the distributions that do not; torch+cpu is one of a version that ends so."""
    INSTRUCTION_SETS: frozenset[str]
    """Those by which it chooses kernels for integers and reduced precision whose results differ."""

    def load(self, model: Path, *, threads: int, device: DeviceSpec = CPU) -> Session:
        """Loads the artifact in a folder onto a device; 0 threads leave their number to the runtime.

        Raises:
            BadModel: the runtime refuses it.
            BadParameter: the runtime does not compute on that device.
            MissingToolchain: the runtime does not import here.
        """
        ...

    def ends(self, model: Path) -> tuple[str, ...]:
        """Names of what the artifact's graph computes and nothing in it takes."""
        ...


def distributions_of(runtime: Runtime) -> Mapping[str, str]:
    """Distribution → the one version of it that does, as in `Card`; nothing for most runtimes."""
    found: Mapping[str, str] = getattr(runtime, "DISTRIBUTIONS", {})
    return found


def check_device(device: DeviceSpec, kinds: Collection[DeviceKind], *, user: str) -> None:
    """Passes when a runtime computes on a device; on another one in its place, it would be measured for what it is not.

    Raises:
        BadParameter: it does not.
    """
    if device.kind not in kinds:
        raise BadParameter(f"{user} computes on {', '.join(sorted(kinds))}, and the device is a {device.kind}")
