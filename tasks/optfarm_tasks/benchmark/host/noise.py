"""Reads from the kernel what the rest of the machine did: between blocks, never while a request is timed."""

import contextlib
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Threads:
    """Per thread of one process: nanoseconds on a CPU, and waiting for one."""

    run_ns: Mapping[int, int]
    delay_ns: Mapping[int, int]


@dataclass(frozen=True)
class Host:
    """Counters of the whole host; None where the kernel does not count it."""

    busy_s: float | None
    steal_s: float | None
    """Taken from the given cores by a hypervisor."""
    psi_cpu_s: float | None
    """Time in which something waited for a CPU."""


@dataclass(frozen=True)
class Surroundings:
    """What other work the host did during a stretch of the measurement."""

    ext_cpu: float | None
    steal_frac: float | None
    psi_cpu_frac: float | None


def read_threads(pid: int, *, proc: Path = PROC) -> Threads | None:
    """The scheduler's counters of a process (field 1 and 2 of schedstat); None where the kernel keeps none."""
    found = {}
    for task in _tasks(proc / str(pid) / "task"):
        # A thread may end between the listing and the reading.
        with contextlib.suppress(OSError, ValueError, IndexError):
            run_ns, delay_ns = (task / "schedstat").read_text().split()[:2]
            found[int(task.name)] = (int(run_ns), int(delay_ns))
    if not found:
        return None
    return Threads({tid: each[0] for tid, each in found.items()}, {tid: each[1] for tid, each in found.items()})


def read_host(cores: Sequence[int], *, proc: Path = PROC, ticks_per_s: int | None = None) -> Host:
    """The host's counters; steal is that of the given cores."""
    ticks = ticks_per_s or os.sysconf("SC_CLK_TCK")
    rows = _cpu_rows(proc / "stat")
    total = rows.get("cpu")
    stolen = [rows[f"cpu{core}"][7] for core in cores if len(rows.get(f"cpu{core}", ())) > _STEAL]
    return Host(
        busy_s=sum(total[index] for index in _BUSY) / ticks if total else None,
        steal_s=sum(stolen) / ticks if stolen else None,
        psi_cpu_s=_pressure_s(proc / "pressure" / "cpu"),
    )


def run_delay_ns(before: Threads | None, after: Threads | None, *, wall_ns: int, cores: int) -> int | None:
    """How long the threads of a process waited for CPUs that others had, summed, between two readings.

    Threads of one process also wait for each other: TensorFlow hands each request to another thread, and on a single
    core the one waits while the other still runs. Others had the cores for no longer than the process did not.

    Args:
        before: the first reading.
        after: the second.
        wall_ns: the time between the readings.
        cores: the number of cores that the process may use.
    """
    if before is None or after is None:
        return None
    left_ns = max(0, cores * wall_ns - run_ns(before, after))
    return min(_grown(before.delay_ns, after.delay_ns), left_ns)


def run_ns(before: Threads | None, after: Threads | None) -> int:
    """How long the threads of a process ran, summed, between two readings."""
    return 0 if before is None or after is None else _grown(before.run_ns, after.run_ns)


def surroundings(before: Host, after: Host, *, own_s: float, wall_s: float, cores: int) -> Surroundings:
    """What changed between two readings that were wall_s apart.

    Args:
        before: the first reading.
        after: the second.
        own_s: CPU seconds that the measurement itself used.
        wall_s: seconds between the readings.
        cores: the number of cores whose steal was read.
    """
    busy = _difference(before.busy_s, after.busy_s)
    steal = _difference(before.steal_s, after.steal_s)
    pressure = _difference(before.psi_cpu_s, after.psi_cpu_s)
    return Surroundings(
        ext_cpu=None if busy is None else max(0.0, busy - own_s) / wall_s,
        steal_frac=None if steal is None else steal / (wall_s * cores),
        psi_cpu_frac=None if pressure is None else min(1.0, pressure / wall_s),
    )


_BUSY = (0, 1, 2, 5, 6)
"""user, nice, system, irq, softirq among the fields of proc_stat(5)."""
_STEAL = 7


def _tasks(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return list(folder.iterdir())
    return []


def _cpu_rows(stat: Path) -> dict[str, list[int]]:
    with contextlib.suppress(OSError):
        rows = (line.split() for line in stat.read_text().splitlines() if line.startswith("cpu"))
        return {name: [int(field) for field in fields] for name, *fields in rows}
    return {}


def _pressure_s(file: Path) -> float | None:
    # The file is there, and cannot be read, where the kernel was started without pressure accounting.
    with contextlib.suppress(OSError, ValueError, IndexError):
        return int(file.read_text().split("total=")[1].split()[0]) / 1e6
    return None


def _grown(before: Mapping[int, int], after: Mapping[int, int]) -> int:
    return sum(value - before.get(tid, 0) for tid, value in after.items())


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


class Watch:
    """Compares the host's counters at the end of a stretch with those at its start."""

    def __init__(self, pids: Sequence[int], cores: tuple[int, ...]) -> None:
        self._pids = pids
        self._cores = cores
        self._threads = [read_threads(pid) for pid in self._pids]
        self._own_s, self._wall_s = time.process_time(), time.monotonic()
        self._host = read_host(cores)

    def stop(self) -> Surroundings:
        """What the host did since the start, beside these processes and this one."""
        host = read_host(self._cores)
        own_s, wall_s = time.process_time() - self._own_s, time.monotonic() - self._wall_s
        ran_ns = sum(run_ns(before, read_threads(pid)) for pid, before in zip(self._pids, self._threads, strict=True))
        return surroundings(self._host, host, own_s=own_s + ran_ns / 1e9, wall_s=wall_s, cores=len(self._cores))
