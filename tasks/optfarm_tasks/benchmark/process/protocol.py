"""The commands that the controller sends to a resident process and the replies to them, as frozen types.

Each command names the type of its reply. Through a pipe goes a frame of each: a JSON header and a body of raw bytes.
Only the standard library is imported here: a resident reads its first command before it is pinned to its cores, and
until then nothing may start threads.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Generic, TypeVar

ReplyT = TypeVar("ReplyT")


@dataclass(frozen=True)
class Command(Generic[ReplyT]):
    """What a resident is asked to do; ReplyT is what it answers when it could."""


@dataclass(frozen=True)
class Failed:
    """The reply to a command that failed, with a Reason of errors.py; the process ends after it."""

    reason: str
    message: str


@dataclass(frozen=True)
class Done:
    """The reply of a command that returns nothing."""


@dataclass(frozen=True)
class Placed:
    """Whether the kernel gave the process the highest priority."""

    is_shielded: bool


@dataclass(frozen=True)
class PlaceOnCores(Command[Placed]):
    """Pins the process to cores; the first command of all."""

    cores: tuple[int, ...]


@dataclass(frozen=True)
class Loaded:
    """What is known of a variant once it is loaded; warnings say how the data were changed to fit its inputs."""

    load_ns: int
    inputs: tuple[str, ...]
    warnings: tuple[str, ...]
    has_device_clock: bool
    """Whether its device works beside the host, and has a clock of its own."""

    @property
    def rows(self) -> int:
        """Those of the table of a block."""
        return 6 if self.has_device_clock else 3


@dataclass(frozen=True)
class Load(Command[Loaded]):
    """Imports a runtime's module, loads an artifact and draws the inputs of its requests; the second command of all."""

    runtime: str
    folder: str
    threads: int
    batch_size: int
    seed: int
    data: str | None = None
    split: Mapping[str, Any] | None = None
    """The description of the data's test split; None for random inputs."""
    device: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the DeviceSpec that it runs on; none are those of the CPU."""
    batch_axes: Mapping[str, int | None] = field(default_factory=dict)
    """See `Tensor.batch_axis`."""


@dataclass(frozen=True)
class WarmedUp:
    """How the warm-up went."""

    is_steady: bool
    request_ns: float
    """The median of its last windows."""
    group: int
    """How many requests are timed together from now on."""
    samples: bytes
    """Wall time of each request in ns, int64 (N,)."""


@dataclass(frozen=True)
class WarmUp(Command[WarmedUp]):
    """Runs requests until their latency is steady, or until max_ns have passed."""

    max_ns: int


@dataclass(frozen=True)
class Timed:
    """The samples of a block or of a trial."""

    samples: bytes
    """int64; of a block wall ns, CPU ns, switches (3, N), and with a device's clock (6, N) ns until it was enqueued, of
    kernels, of copies; of a trial (5, N): see queries.serve."""
    elapsed_ns: int | None = None
    process_cpu_ns: int | None = None
    """CPU time of all threads; None where it was not read."""


@dataclass(frozen=True)
class TimeBlock(Command[Timed]):
    """Runs requests of about request_ns back to back until both minima are reached, but no longer than max_ns."""

    min_ns: int
    min_requests: int
    max_ns: int
    request_ns: float


@dataclass(frozen=True)
class Serve(Command[Timed]):
    """Answers queries that arrive at a rate, by a schedule drawn from a seed, until one more than allowed was late."""

    rate_per_s: float
    queries: int
    seed: int
    latency_limit_ns: int
    allowed_late: int


@dataclass(frozen=True)
class Confine(Command[Done]):
    """Limits the memory that the process may take from now on."""

    ceiling_bytes: int


@dataclass(frozen=True)
class RungTimed:
    """The samples of one batch size."""

    peak_rss_bytes: int
    samples: bytes
    """Wall ns, int64 (N,)."""


@dataclass(frozen=True)
class TimeRung(Command[RungTimed]):
    """Draws inputs of a batch size and times them, on a rung of a ladder."""

    batch_size: int
    min_ns: int
    min_requests: int
    max_ns: int


@dataclass(frozen=True)
class Finished:
    """What is read of a process after the last timed request."""

    peak_rss_bytes: int
    floor_rss_bytes: int
    """The same with the runtime's library loaded and no model."""
    precision: str
    """In which the engine computed; some know it once they have."""
    is_deterministic: bool


@dataclass(frozen=True)
class Finish(Command[Finished]):
    """Reads the peak memory, and repeats one request to see whether its outputs stay the same."""

    repeats: int


@dataclass(frozen=True)
class Quit(Command[None]):
    """Ends the process; there is no reply."""


FIRST = TimeBlock(min_ns=0, min_requests=1, max_ns=1, request_ns=1e9)
"""Times a single request."""

COMMANDS = (PlaceOnCores, Load, WarmUp, TimeBlock, Serve, Confine, TimeRung, Finish, Quit)
REPLIES = (Placed, Loaded, WarmedUp, Timed, Done, RungTimed, Finished, Failed)
_TYPES: dict[str, type[Any]] = {each.__name__: each for each in (*COMMANDS, *REPLIES)}
_LENGTHS = struct.Struct("!II")


class Closed(Exception):
    """The other side of the pipe is gone."""


def send(stream: BinaryIO, message: Any) -> None:
    """Writes a command or a reply, its samples apart from its other fields, and flushes it.

    Raises:
        Closed: the other side is gone.
    """
    fields = dict(vars(message))
    body = fields.pop("samples", b"")
    header = json.dumps({"type": type(message).__name__, **fields}).encode()
    try:
        stream.write(_LENGTHS.pack(len(header), len(body)) + header + body)
        stream.flush()
    except BrokenPipeError as error:
        raise Closed("nobody reads the pipe any more") from error


def receive(stream: BinaryIO) -> Any:
    """The next command or reply; blocks until the whole of it has come.

    Raises:
        Closed: the other side is gone.
    """
    header_bytes, body_bytes = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    header, body = json.loads(_exactly(stream, header_bytes)), _exactly(stream, body_bytes)
    kind = _TYPES[header.pop("type")]
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in header.items()}
    return kind(**fields, **({"samples": body} if "samples" in kind.__dataclass_fields__ else {}))


def _exactly(stream: BinaryIO, size_bytes: int) -> bytes:
    found = stream.read(size_bytes)
    if len(found) < size_bytes:
        raise Closed(f"the pipe ended after {len(found)} of {size_bytes} bytes")
    return found
