"""Fixed work that needs the memory alone, in the shape of a runtime: a copy of a buffer that no cache holds."""

from pathlib import Path
from typing import Any

import numpy as np

from optfarm_tasks.benchmark.host.fingerprint import last_level_cache_bytes
from optfarm_tasks.canary.work import FixedWork
from optfarm_tasks.schema.device import CPU, DeviceKind, DeviceSpec

DEVICES = frozenset({DeviceKind.CPU})
MODULES = ("numpy",)
LEAST_BYTES, MOST_BYTES = 64 << 20, 512 << 20


def buffer_bytes() -> int:
    """Four times the last-level cache, so that each half is twice as large; the same on a host at all times."""
    return min(max(LEAST_BYTES, 4 * (last_level_cache_bytes() or 0)), MOST_BYTES)


class Copy(FixedWork):
    """Copies one half of the buffer over the other."""

    def __init__(self) -> None:
        # Ones, not empty or zeros: pages that were never written to are not there yet.
        halves = np.ones((2, buffer_bytes() // 2), dtype=np.uint8)
        self._from, self._to = halves

    def run(self, feed: Any) -> Any:  # noqa: ARG002 (the signature is a session's)
        """Copies; takes no notice of the feed."""
        np.copyto(self._to, self._from)
        return self._to


def load(model: Path, *, threads: int, device: DeviceSpec = CPU) -> Copy:  # noqa: ARG001 (the signature is a runtime's)
    """Makes the buffer; there is nothing to read."""
    return Copy()
