"""What memory this process has used, and how much more it may."""

import contextlib
import resource
from pathlib import Path

STATUS = Path("/proc/self/status")
_LEAST_BYTES = 256 << 20
"""Programs map more than they touch: stacks of threads, arenas."""


def peak_rss_bytes() -> int:
    """The most memory that this process has held at once."""
    # ru_maxrss survives exec and would tell of the controller; VmHWM belongs to this program alone (proc(5)).
    return _told("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def confine(ceiling_bytes: int) -> None:
    """Refuses this process private memory that would take it past a ceiling by far.

    A request for memory then fails within the process, which can tell of it, before anybody ends the whole task. Where
    the kernel does not tell what is in use, nothing is confined.
    """
    mapped, held = _told("VmData"), _told("VmRSS")
    if mapped is None or held is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = mapped + max(_LEAST_BYTES, ceiling_bytes - held)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


def _told(name: str) -> int | None:
    with contextlib.suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return None
