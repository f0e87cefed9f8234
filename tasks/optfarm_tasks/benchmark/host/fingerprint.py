"""Describes the machine and software of a measurement; what the machine does not expose is null or "not exposed"."""

import importlib.metadata
import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_CPU = Path("/sys/devices/system/cpu")
_CGROUP = Path("/sys/fs/cgroup")
_NOT_EXPOSED = "not exposed"
_DISTRIBUTIONS = (
    *("ai-edge-litert", "keras", "numpy", "onnxruntime", "openvino", "optfarm"),
    *("tensorflow", "tensorflow-cpu", "tf-keras", "torch"),
)


def fingerprint(cores: Sequence[int]) -> dict[str, Any]:
    """Processor, kernel, memory, libraries and time, as JSON-able values; cores are those of the residents."""
    return {
        "cpu": _processor(cores),
        "kernel": _kernel(),
        "ram_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "libc": " ".join(platform.libc_ver()),
        "allocator": os.environ.get("LD_PRELOAD") or "libc",
        "python": platform.python_version(),
        "versions": dict(_versions(_DISTRIBUTIONS)),
        "execution_provider": "cpu",
        "gpu": None,
        "boot_id": _read(Path("/proc/sys/kernel/random/boot_id")),
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def last_level_cache_bytes() -> int | None:
    """The size of the largest cache of the first core; None where the kernel does not expose it."""
    found = [_read(size) for size in (_CPU / "cpu0" / "cache").glob("index*/size")]
    return max((_bytes(text) for text in found if text), default=None)


def _processor(cores: Sequence[int]) -> dict[str, Any]:
    info = _cpuinfo()
    packages = {_read(file) for file in _CPU.glob("cpu[0-9]*/topology/physical_package_id")}
    return {
        "model": info.get("model name", platform.processor() or None),
        "stepping": info.get("stepping"),
        "microcode": info.get("microcode"),
        "flags": info.get("flags", "").split(),
        "smt": _read(_CPU / "smt" / "active"),
        "sockets": len(packages) or None,
        "numa_nodes": len(list(Path("/sys/devices/system/node").glob("node[0-9]*"))) or None,
        "last_level_cache_bytes": last_level_cache_bytes(),
        "cores": os.cpu_count(),
        "affinity": list(cores),
        "governor": _read(_CPU / f"cpu{cores[0]}" / "cpufreq" / "scaling_governor") or _NOT_EXPOSED,
        "hypervisor": _read(Path("/sys/hypervisor/type")) or ("hypervisor" in info.get("flags", "").split()),
        "clocksource": _read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
    }


def _kernel() -> dict[str, Any]:
    mitigations = {file.name: _read(file) for file in sorted((_CPU / "vulnerabilities").glob("*"))}
    return {
        "release": platform.release(),
        "version": platform.version(),
        "command_line": _read(Path("/proc/cmdline")),
        "mitigations": mitigations,
        "transparent_hugepages": _read(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "aslr": _read(Path("/proc/sys/kernel/randomize_va_space")),
        "cgroup_quota": _read(_CGROUP / "cpu.max") or _read(_CGROUP / "cpu" / "cpu.cfs_quota_us") or _NOT_EXPOSED,
    }


def _cpuinfo() -> dict[str, str]:
    first = (_read(Path("/proc/cpuinfo")) or "").partition("\n\n")[0]
    rows = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in rows}


def _versions(distributions: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name in distributions:
        try:
            yield name, importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue


def _bytes(text: str) -> int:
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(text[:-1]) * units[text[-1]] if text[-1] in units else int(text)


def _read(file: Path) -> str | None:
    try:
        return file.read_text().strip() or None
    except OSError:
        return None
