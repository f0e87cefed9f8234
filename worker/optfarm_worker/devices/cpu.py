"""The processor of this machine, as one device."""

import os
import platform
from pathlib import Path

from optfarm_tasks.schema.waiting import Holder

ROUND_BYTES = 64 << 20
"""Kernels keep a little memory for themselves, more or less of it from one to the next."""


def names() -> tuple[str, ...]:
    """All cores together are the one device of this kind."""
    return ("cpu",)


def absence(_name: str) -> str:
    """There is always the one."""
    return ""


def canonical(name: str) -> str:
    """It has one name."""
    return name


def attributes(_name: str) -> dict[str, str | int | float]:
    """The processor's model and number of cores, the machine's memory and kernel."""
    return {
        "cpu_model": cpu_model(Path("/proc/cpuinfo").read_text()) or platform.processor() or "unknown",
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory_bytes(),
        "arch": platform.machine(),
        "kernel": platform.release(),
        "os": platform.system().lower(),
    }


def environment(_name: str) -> dict[str, str]:
    """Hides the machine's GPUs, which frameworks would take by themselves."""
    return {"CUDA_VISIBLE_DEVICES": "-1"}


def fault(_name: str) -> str:
    """It is there as long as the worker is."""
    return ""


def strangers(_name: str) -> tuple[Holder, ...]:
    """None: who else computes is in every measurement's noise."""
    return ()


def cores(_name: str) -> frozenset[int]:
    """All that this process may use."""
    return frozenset(os.sched_getaffinity(0))


def cpu_model(cpuinfo: str) -> str | None:
    """The processor's name from /proc/cpuinfo, if it has one."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() in ("model name", "Model")), None)


def memory_bytes() -> int:
    """The machine's memory, rounded down."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // ROUND_BYTES * ROUND_BYTES
