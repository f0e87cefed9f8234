"""Pins a resident to its cores, raises its priority, and ends it with its controller."""

import contextlib
import ctypes
import os
import signal
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_HIGHEST = -20
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
)


def choose_cores(allowed: Collection[int], threads: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Splits the allowed cores into the last `threads` ones, for the residents, and the rest, for the controller."""
    ordered = tuple(sorted(allowed))
    return ordered[-threads:], ordered[:-threads]


def thread_environment(environment: Mapping[str, str], threads: int) -> dict[str, str]:
    """The environment with every known variable that sizes a thread pool set."""
    return {**environment, **dict.fromkeys(_THREAD_VARIABLES, str(threads))}


def pin(cores: Sequence[int]) -> None:
    """Binds this process, and the threads that it starts from now on, to cores."""
    os.sched_setaffinity(0, cores)


@contextlib.contextmanager
def away_from(cores: Collection[int]) -> Iterator[None]:
    """Keeps this process off cores that residents use, where there are others."""
    before = os.sched_getaffinity(0)
    pin(tuple(before - set(cores)) or tuple(before))
    try:
        yield
    finally:
        pin(tuple(before))


def die_with_parent(parent_pid: int) -> None:
    """Asks the kernel to kill this process when its parent ends.

    Raises:
        SystemExit: the parent had ended before the kernel was asked.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        raise SystemExit(1)


def raise_priority() -> bool:
    """Puts this session before all others, where the kernel lets us; says whether it did.

    Niceness alone orders tasks within one session only (autogroup, sched(7)), so the weight of the session counts too.
    """
    try:
        Path("/proc/self/autogroup").write_text(str(_HIGHEST))
        os.setpriority(os.PRIO_PROCESS, 0, _HIGHEST)
    except OSError:
        return False
    return True
