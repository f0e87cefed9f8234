"""Reads the memory that a variant takes beyond its runtime's own, and limits how much a process may take."""

import contextlib
import gc
import resource
from collections.abc import Iterator
from pathlib import Path

PROC_SELF = Path("/proc/self")
_PEAK, _NOW = "VmHWM", "VmRSS"
_FORGET_PEAK = "5"
"""What makes the kernel begin the peak anew at what is held now (proc(5), clear_refs)."""
_LEAST_BYTES = 256 << 20
"""Programs map more than they touch: stacks of threads, arenas."""


class Account:
    """The resident set of this process from the loading of the model on, in bytes."""

    def __init__(self) -> None:
        """Takes the floor: to be made once the runtime's library is loaded, and before the model is."""
        _forget_peak()
        self.floor_rss_bytes = peak_rss_bytes()
        self._model_peak = self.floor_rss_bytes
        self._inputs = 0

    @contextlib.contextmanager
    def besides(self) -> Iterator[None]:
        """Keeps what is done within out of the account: the inputs that a measurement draws belong to no model.

        Where the kernel does not let the peak begin anew, the highest that drawing took still counts.
        """
        self._model_peak, before = peak_rss_bytes(), _status_bytes(_NOW) or 0
        yield
        gc.collect()
        self._inputs = max(0, (_status_bytes(_NOW) or 0) - before)
        _forget_peak()

    @property
    def peak_rss_bytes(self) -> int:
        """The highest so far, of loading or running."""
        return max(self._model_peak, peak_rss_bytes() - self._inputs)


def confine(ceiling_bytes: int) -> None:
    """Limits this process's private memory to a ceiling, with some room above it.

    A request for memory then fails within the process, which can report it, before the whole task is ended. Where the
    kernel does not expose what is in use, nothing is confined.
    """
    mapped, held = _status_bytes("VmData"), _status_bytes(_NOW)
    if mapped is None or held is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = mapped + max(_LEAST_BYTES, ceiling_bytes - held)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def of_status(text: str, field: str) -> int | None:
    """A size in bytes of /proc/PID/status; None where the kernel does not list it."""
    found = (line.split() for line in text.splitlines() if line.startswith(f"{field}:"))
    return next((int(fields[1]) * 1024 for fields in found), None)


def held_bytes(pid: int, *, proc: Path = Path("/proc")) -> int | None:
    """What another process holds now; None where it is gone or cannot be read."""
    with contextlib.suppress(OSError):
        return of_status((proc / str(pid) / "status").read_text(), _NOW)
    return None


def peak_rss_bytes() -> int:
    """The most memory that this process has held at once, since its peak was last reset."""
    # ru_maxrss survives exec and would be the controller's; VmHWM belongs to this program alone (proc(5)).
    return _status_bytes(_PEAK) or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _status_bytes(field: str) -> int | None:
    with contextlib.suppress(OSError):
        return of_status((PROC_SELF / "status").read_text(), field)
    return None


def _forget_peak() -> None:
    gc.collect()
    with contextlib.suppress(OSError):
        (PROC_SELF / "clear_refs").write_text(_FORGET_PEAK)
