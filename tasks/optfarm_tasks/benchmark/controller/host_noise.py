"""Times the memory canary right before a measurement, and compares it with what is usual on the device."""

from pathlib import Path

import numpy as np

from optfarm_tasks.benchmark.analysis.conclusion import HostNoise
from optfarm_tasks.benchmark.controller.resident import Resident, Variant, table_of
from optfarm_tasks.benchmark.process import protocol
from optfarm_tasks.schema.device import CPU, DeviceSpec
from optfarm_tasks.schema.measurement import holds_one
from optfarm_tasks.schema.spec import Usual

STREAM = "optfarm_tasks.canary.stream"


def host_noise_of(usual: Usual | None, cores: tuple[int, ...]) -> HostNoise:
    """What canaries show of the host; blocks for half a second where it is known what the memory canary takes.

    Raises:
        TaskError: the process of the canary died.
    """
    is_null_held = usual is None or holds_one(usual.null_ci95)
    if usual is None or usual.memory_ns is None:
        return HostNoise(is_null_held=is_null_held)
    return HostNoise(memory_ns(cores) / usual.memory_ns, canary_missing=None, is_null_held=is_null_held)


def memory_ns(cores: tuple[int, ...]) -> float:
    """What a pass of the memory canary takes on the last of the cores, in a fresh process: the median of nine or more.

    Raises:
        TaskError: its process died.
    """
    return work_ns(STREAM, cores)


def work_ns(work: str, cores: tuple[int, ...], device: DeviceSpec = CPU) -> float:
    """As `memory_ns`, of any of the canary's fixed works.

    Raises:
        TaskError: it cannot be done on the device, or its process died.
    """
    variant = Variant(f"canary {work.rpartition('.')[2]}", Path(), work)
    with Resident(variant, cores=cores[-1:], threads=1) as resident:
        place = device.model_dump(mode="json")
        resident.ask(protocol.Load(work, folder="", threads=1, batch_size=1, seed=0, device=place))
        first_ns = table_of(resident.ask(protocol.FIRST).samples, 3)[0, 0]
        block = protocol.TimeBlock(250_000_000, min_requests=9, max_ns=5_000_000_000, request_ns=float(first_ns))
        timed = resident.ask(block)
    return float(np.median(table_of(timed.samples, 3)[0]))
