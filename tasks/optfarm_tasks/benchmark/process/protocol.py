"""The commands that the controller sends to a resident process and the replies to them, as frozen types.

Each command names the type of its reply. Only the standard library is imported here: a resident reads its first command
before it is pinned to its cores, and until then nothing may start threads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

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
    precision: str
    inputs: tuple[str, ...]
    warnings: tuple[str, ...]


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
    """int64; (3, N) of a block: wall ns, CPU ns, switches; (5, N) of a trial: see queries.serve."""
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
    """Wall ns, CPU ns, switches, int64 (3, N)."""


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


def encode(message: Any) -> tuple[dict[str, Any], bytes]:
    """The header and the body of a frame: the fields of a command or a reply, and apart from them its samples."""
    fields = dict(vars(message))
    body = fields.pop("samples", b"")
    return {"type": type(message).__name__, **fields}, body


def decode(header: Mapping[str, Any], body: bytes) -> Any:
    """The command or reply of a frame.

    Raises:
        KeyError: the header names no message.
        TypeError: its fields are not those of the message.
    """
    kind = _TYPES[header["type"]]
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in header.items()}
    del fields["type"]
    return kind(**fields, **({"samples": body} if "samples" in kind.__dataclass_fields__ else {}))
