"""Reads the energy counters of the processor, or of the task's GPUs, where they are readable."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from optfarm_tasks.benchmark.host import nvml
from optfarm_tasks.benchmark.host.nvml import NoGpu

POWERCAP = Path("/sys/class/powercap")
_PACKAGE, _MEMORY = "package", "dram"
_NO_GPU = frozenset({"", "-1", "none", "void", "NoDevFiles"})


class Meter(Protocol):
    """Counters of energy that only grow, apart from wrapping around."""

    @property
    def source(self) -> str | None:
        """What is read; None where nothing is."""
        ...

    @property
    def reason(self) -> str | None:
        """Why nothing is read; None where something is."""
        ...

    def read(self) -> tuple[int, ...] | None:
        """The counters in µJ; None where they cannot be read (any more)."""
        ...

    def spent_uj(self, before: Sequence[int] | None, after: Sequence[int] | None) -> int | None:
        """Energy in µJ between two readings."""
        ...


@dataclass(frozen=True)
class Absent:
    """No counters, and why."""

    reason: str
    source: None = None

    def read(self) -> None:
        """Nothing."""

    def spent_uj(self, before: Sequence[int] | None, after: Sequence[int] | None) -> None:
        """Nothing."""


@dataclass(frozen=True)
class Zone:
    """One counter of RAPL, which starts again from 0 after range_uj."""

    name: str
    file: Path
    range_uj: int


@dataclass(frozen=True)
class Rapl:
    """The processor's packages and their memory (Linux powercap; AMD's processors expose theirs in the same place)."""

    zones: tuple[Zone, ...]
    reason: None = None

    @property
    def source(self) -> str:
        """The zones by name."""
        return f"rapl {' + '.join(zone.name for zone in self.zones)}"

    def read(self) -> tuple[int, ...] | None:
        """The counters, in the order of the zones."""
        try:
            return tuple(int(zone.file.read_text()) for zone in self.zones)
        except (OSError, ValueError):
            return None

    def spent_uj(self, before: Sequence[int] | None, after: Sequence[int] | None) -> int | None:
        """The sum over the zones; each may have wrapped around once, which takes minutes even under full load."""
        if before is None or after is None:
            return None
        return sum(
            grown_uj(*counts, range_uj=zone.range_uj) for *counts, zone in zip(before, after, self.zones, strict=True)
        )


@dataclass(frozen=True)
class Nvml:
    """GPUs by the NVIDIA management library, whose counters of 64 bits do not wrap."""

    library: Any
    handles: tuple[Any, ...]
    reason: None = None

    @property
    def source(self) -> str:
        """How many of them."""
        return f"nvml {len(self.handles)} GPU"

    def read(self) -> tuple[int, ...] | None:
        """The counters, which NVML reports in mJ."""
        try:
            return tuple(1000 * int(self.library.nvmlDeviceGetTotalEnergyConsumption(each)) for each in self.handles)
        except self.library.NVMLError:
            return None

    def spent_uj(self, before: Sequence[int] | None, after: Sequence[int] | None) -> int | None:
        """The sum over the GPUs."""
        return None if before is None or after is None else sum(after) - sum(before)


def find(environment: Mapping[str, str], *, powercap: Path = POWERCAP) -> Meter:
    """Counters of what a task runs on: of its GPUs if CUDA_VISIBLE_DEVICES names some, else of the processor."""
    named = environment.get("CUDA_VISIBLE_DEVICES", "")
    return rapl(powercap) if named.strip() in _NO_GPU else gpu_counters(tuple(named.split(",")))


def rapl(powercap: Path = POWERCAP) -> Meter:
    """The zones of RAPL below a folder like /sys/class/powercap, or why none can be read."""
    zones = tuple(_zones(powercap))
    if not zones:
        return Absent(f"{powercap} has no RAPL zone: the kernel or the virtual machine does not pass the counters on")
    for zone in zones:
        try:
            int(zone.file.read_text())
        except (OSError, ValueError) as error:
            return Absent(refusal(zone.file, error))
    return Rapl(zones)


def gpu_counters(named: Sequence[str]) -> Meter:
    """GPUs by index or UUID, as CUDA_VISIBLE_DEVICES has them, or why their energy cannot be read."""
    try:
        library = nvml.started()
    except NoGpu as error:
        return Absent(f"the energy of a GPU is read by NVML: {error}")
    try:
        handles = tuple(_handle(library, name.strip()) for name in named)
        for handle in handles:
            library.nvmlDeviceGetTotalEnergyConsumption(handle)
    except library.NVMLError as error:
        return Absent(f"NVML does not report the energy of GPU {','.join(named)}: {error}")
    return Nvml(library, handles)


def refusal(file: Path, error: Exception) -> str:
    """Why a counter cannot be read."""
    if isinstance(error, PermissionError):
        return f"{file} is not readable by this user, as kernels since 5.10 have it; let the worker's user read it"
    return f"{file} cannot be read: {error}"


def grown_uj(before: int, after: int, *, range_uj: int) -> int:
    """How far a counter went that starts again from 0 after range_uj, and did so at most once."""
    return after - before if after >= before else after + range_uj - before


def _zones(powercap: Path) -> Iterator[Zone]:
    """Packages, and memory where it is counted apart; not `psys` and parts of a package, which would count twice."""
    seen: set[str] = set()
    for folder in sorted(powercap.glob("intel-rapl*:*")):
        try:
            name = (folder / "name").read_text().strip()
            range_uj = int((folder / "max_energy_range_uj").read_text())
        except (OSError, ValueError):
            continue
        # A package shows twice where its registers are also mapped into memory (intel-rapl-mmio); memory has a package.
        full = f"{name}-{folder.name.split(':')[1]}" if name == _MEMORY else name
        if name.startswith((_PACKAGE, _MEMORY)) and full not in seen:
            seen.add(full)
            yield Zone(full, folder / "energy_uj", range_uj)


def _handle(library: Any, name: str) -> Any:
    return library.nvmlDeviceGetHandleByIndex(int(name)) if name.isdigit() else library.nvmlDeviceGetHandleByUUID(name)
