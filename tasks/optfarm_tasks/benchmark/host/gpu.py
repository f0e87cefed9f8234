"""Watches a GPU while variants are timed on it: clocks, what slows them, power, temperature, and who computes there."""

import functools
import operator
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from optfarm_tasks.benchmark.analysis.gpu_use import GpuUse
from optfarm_tasks.benchmark.host import nvml
from optfarm_tasks.benchmark.host.nvml import NoGpu

EVERY_S = 0.05


@dataclass(frozen=True)
class Sample:
    """The GPU at a moment, by the controller's clock."""

    at_ns: int
    reasons: int
    sm_mhz: int
    memory_mhz: int
    power_mw: int | None
    temperature_c: int
    holders: dict[int, int | None]
    """Process → its memory in bytes."""


@dataclass(frozen=True)
class Counters:
    """How long the GPU was slowed down, in ns, since its driver was loaded; None where it does not tell."""

    hot_ns: int | None
    """By heat, or by the board."""
    capped_ns: int | None
    """By the limit of its power."""


class GpuWatch:
    """Samples a GPU in a thread of its own, on cores that nothing is timed on, for as long as the block lasts.

    Its clocks, its power and its modes are read, and never changed.
    """

    def __init__(self, uuid: str, own: Collection[int]) -> None:
        """Takes the processes that are timed there; the others are strangers."""
        self._uuid, self._own = uuid, frozenset(own)
        self._samples: list[Sample] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="gpu watch", daemon=True)

    def __enter__(self) -> Self:
        """Takes the first sample, so that there is always one.

        Raises:
            NoGpu: the GPU does not answer.
        """
        self._nvml = nvml.started()
        try:
            self._handle = self._nvml.nvmlDeviceGetHandleByUUID(self._uuid)
            self._samples.append(self._sample())
        except self._nvml.NVMLError as error:
            self._nvml.nvmlShutdown()
            raise NoGpu(nvml.reason_of(self._nvml, error)) from error
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends the thread."""
        self._ended.set()
        self._thread.join()
        self._nvml.nvmlShutdown()

    def counters(self) -> Counters:
        """The counters now.

        Raises:
            NoGpu: the GPU does not answer any more.
        """
        kinds = self._nvml
        try:
            by_heat = self._slowed_ns(kinds.NVML_PERF_POLICY_THERMAL)
            by_board = self._slowed_ns(kinds.NVML_PERF_POLICY_BOARD_LIMIT)
            capped_ns = self._slowed_ns(kinds.NVML_PERF_POLICY_POWER)
        except kinds.NVMLError as error:
            raise NoGpu(nvml.reason_of(kinds, error)) from error
        known = [each for each in (by_heat, by_board) if each is not None]
        return Counters(sum(known) if known else None, capped_ns)

    def use(self, pid: int, begun_ns: int, before: Counters) -> GpuUse:
        """What was seen since a moment and its counters; where there is no sample since, the last one before it counts.

        Args:
            pid: the process that was timed.
            begun_ns: the moment.
            before: the counters at that moment.

        Raises:
            NoGpu: the GPU does not answer any more.
        """
        after, since = self.counters(), [each for each in self._samples if each.at_ns >= begun_ns]
        seen = since or self._samples[-1:]
        held = [each.holders.get(pid) for each in seen]
        powers = [each.power_mw for each in seen if each.power_mw is not None]
        return GpuUse(
            reasons=_union(each.reasons for each in seen),
            hot_ns=_grown(before.hot_ns, after.hot_ns),
            capped_ns=_grown(before.capped_ns, after.capped_ns),
            sm_low_mhz=min(each.sm_mhz for each in seen),
            sm_high_mhz=max(each.sm_mhz for each in seen),
            memory_low_mhz=min(each.memory_mhz for each in seen),
            memory_high_mhz=max(each.memory_mhz for each in seen),
            power_w=sum(powers) / len(powers) / 1000 if powers else None,
            temperature_c=max(each.temperature_c for each in seen),
            strangers=self._strangers(seen),
            held_bytes=max((each for each in held if each is not None), default=None),
        )

    def _strangers(self, seen: Sequence[Sample]) -> int | None:
        """How many; None where a process that is timed is not listed, as in a container that hides the pids."""
        if not all(self._own <= set(each.holders) for each in seen):
            return None
        return len({pid for each in seen for pid in each.holders} - self._own)

    def _watch(self) -> None:
        while not self._ended.wait(EVERY_S):
            try:
                self._samples.append(self._sample())
            except self._nvml.NVMLError:
                return  # what is timed there fails by itself, and says why

    def _sample(self) -> Sample:
        ask, handle = self._nvml, self._handle
        return Sample(
            at_ns=time.perf_counter_ns(),
            reasons=ask.nvmlDeviceGetCurrentClocksEventReasons(handle),
            sm_mhz=ask.nvmlDeviceGetClockInfo(handle, ask.NVML_CLOCK_SM),
            memory_mhz=ask.nvmlDeviceGetClockInfo(handle, ask.NVML_CLOCK_MEM),
            power_mw=nvml.if_known(ask, ask.nvmlDeviceGetPowerUsage, handle),
            temperature_c=ask.nvmlDeviceGetTemperature(handle, ask.NVML_TEMPERATURE_GPU),
            holders=nvml.holders(ask, handle),
        )

    def _slowed_ns(self, policy: int) -> int | None:
        found = nvml.if_known(self._nvml, self._nvml.nvmlDeviceGetViolationStatus, self._handle, policy)
        return None if found is None else int(found.violationTime)


def _union(reasons: Iterable[int]) -> int:
    return functools.reduce(operator.or_, reasons)


def _grown(before: int | None, after: int | None) -> int | None:
    return None if before is None or after is None else after - before
