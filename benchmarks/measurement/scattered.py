"""Takes the scattered free memory, so that processes that start one after the other get memory of the same kind."""

import contextlib
import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

BUDDIES = Path("/proc/buddyinfo")
"""Free blocks by size, one line per zone: "Node 0, zone Normal" and the number of blocks of 1, 2, 4, … pages."""
_LARGE_BYTES = 2 << 20


def scattered_bytes(buddies: str) -> int:
    """The free memory in blocks of less than 2 MB, as /proc/buddyinfo lists it."""
    counts = [line.split()[4:] for line in buddies.splitlines()]
    sizes = ((int(count), mmap.PAGESIZE << order) for line in counts for order, count in enumerate(line))
    return sum(count * size for count, size in sizes if size < _LARGE_BYTES)


@contextlib.contextmanager
def taken() -> Iterator[None]:
    """Holds that memory meanwhile, half of what is free at most.

    The kernel hands out scattered pages first, so without this the first of two processes is the slower one where
    weights stream from memory: docs/decisions/paired-timing.md.
    """
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * mmap.PAGESIZE
    wanted = max(mmap.PAGESIZE, min(scattered_bytes(BUDDIES.read_text()), free_bytes // 2))
    with mmap.mmap(-1, wanted, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as held:
        held.madvise(mmap.MADV_NOHUGEPAGE)
        pages = np.frombuffer(held, np.uint8)[:: mmap.PAGESIZE]
        try:
            pages[:] = 1
            yield
        finally:
            del pages
