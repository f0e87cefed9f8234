"""Disturbs a machine in one way until its parent ends: python -m benchmarks.measurement.crowd KIND CORE PARENT DIR.

Each kind is what shares a machine with a worker in practice; none has the rights of a shielded process but the last.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.measurement.rig import QUICK, Rig
from optfarm_tasks.benchmark.process import shield

STREAM_BYTES, THRASH_BYTES, DISK_BYTES = 256 << 20, 64 << 20, 64 << 20
"""Beyond any last-level cache, about the size of one, and what is written before it is forced to the disk."""


def spin(_folder: Path) -> None:
    """Computes on a few registers."""
    while True:
        pass


def stream(_folder: Path) -> None:
    """Copies memory that no cache holds."""
    given, taken = (np.ones(STREAM_BYTES // 2, np.uint8) for _ in range(2))
    while True:
        np.copyto(taken, given)


def thrash(_folder: Path) -> None:
    """Reads lines of a cache's worth of memory in an order that no prefetcher knows."""
    random = np.random.default_rng(0)
    lines = np.ones(THRASH_BYTES // 8, np.float64)
    order = random.integers(0, len(lines), 1 << 20)
    while True:
        lines[order].sum()


def disk(folder: Path) -> None:
    """Writes files and waits until they are on the disk."""
    block = os.urandom(DISK_BYTES)
    file = folder / f"written-{os.getpid()}"
    try:
        while True:
            with file.open("wb") as stream:
                stream.write(block)
                os.fsync(stream.fileno())
    finally:
        file.unlink(missing_ok=True)


def processes(_folder: Path) -> None:
    """Starts short processes one after the other, as a build does."""
    while True:
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True)


def farm(folder: Path) -> None:
    """Measures as another farm would that knows nothing of this one: on the same core, with the same rights."""
    artifact = Path((folder / "artifact").read_text())
    seed = 0
    while True:
        Rig.here().measure(artifact, artifact, amount=QUICK, seed=seed)
        seed += 1


KINDS: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (spin, stream, thrash, disk, processes, farm)
}


def main(kind: str, core: str, parent: str, folder: str) -> None:
    """Disturbs for ever."""
    shield.die_with_parent(int(parent))
    if kind != farm.__name__:
        shield.pin([int(core)])
    KINDS[kind](Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
