"""Times one pair: two fresh processes on the same cores that take turns, A B B A, until their time is used up."""

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Amount, BlockPlan, Side
from optfarm_tasks.benchmark.analysis.usage import Stretch
from optfarm_tasks.benchmark.controller.gpu_watch import watching
from optfarm_tasks.benchmark.controller.resident import Resident, Variant, table_of
from optfarm_tasks.benchmark.host import memory, noise
from optfarm_tasks.benchmark.host.energy import Absent, Meter
from optfarm_tasks.benchmark.host.gpu import GpuWatch
from optfarm_tasks.benchmark.process import protocol
from optfarm_tasks.benchmark.process.protocol import Command, Finished, Loaded, Timed
from optfarm_tasks.benchmark.process.repeat import repeats_of
from optfarm_tasks.schema.device import CPU, DeviceSpec
from optfarm_tasks.schema.spec import Scenario

_NO_METER = Absent("it was not asked for")

OnFraction = Callable[[float], None]
"""Called between blocks with how far the pair is, in 0..1."""


@dataclass(frozen=True)
class PairSetup:
    """What all pairs of a measurement share."""

    variants: tuple[Variant, Variant]
    """Baseline and candidate."""
    cores: tuple[int, ...]
    threads: int
    batch_size: int
    seed: int
    amount: Amount
    data: Path | None = None
    split: Mapping[str, Any] | None = None
    """The test split's description; None for random inputs."""
    scenario: Scenario = Scenario.SINGLE_STREAM
    baseline_batch_size: int | None = None
    """Where the baseline has one of its own."""
    batch_axes: Mapping[str, int | None] = field(default_factory=dict)
    """See `Tensor.batch_axis`."""
    meter: Meter = _NO_METER
    """Energy counters."""
    device: DeviceSpec = CPU
    settle_ns: int = 0
    """See `pairs.block_plan`."""

    def batch_of(self, side: Side) -> int:
        """The batch size of one variant."""
        return self.baseline_batch_size if side == BASELINE and self.baseline_batch_size else self.batch_size

    def load_command(self, side: Side) -> protocol.Load:
        """The command that makes a resident load a variant."""
        variant = self.variants[side]
        return protocol.Load(
            variant.runtime,
            folder=str(variant.folder.absolute()),
            threads=self.threads,
            batch_size=self.batch_of(side),
            seed=self.seed,
            data=None if self.data is None else str(self.data.absolute()),
            split=self.split,
            device=self.device.model_dump(mode="json"),
            batch_axes=dict(self.batch_axes),
        )


@dataclass(frozen=True)
class Start(Loaded):
    """One process from its start to the end of its warm-up."""

    first_ns: int
    warm_ns: NDArray[np.int64]
    """Wall time of each request of the warm-up (N,)."""
    is_steady: bool
    request_ns: float
    group: int
    """Requests timed together; a sample is their mean."""
    is_shielded: bool

    @property
    def sample_ns(self) -> float:
        """How long the requests take that are timed together."""
        return self.request_ns * self.group


@dataclass(frozen=True)
class Block:
    """One turn of one variant."""

    side: Side
    group: int
    samples: NDArray[np.int64]
    """See `protocol.Timed`; the dropped ones first."""
    used: Stretch


@dataclass(frozen=True)
class ProcessRecord:
    """What was recorded of one process beside its samples."""

    start: Start
    end: Finished
    surroundings: noise.Surroundings


@dataclass(frozen=True)
class Pair:
    """All that was recorded of one pair of processes."""

    processes: tuple[ProcessRecord, ProcessRecord]
    """Baseline and candidate."""
    blocks: tuple[Block, ...]
    plan: BlockPlan


def take_pair(setup: PairSetup, order: tuple[Side, Side], rng: random.Random, on_fraction: OnFraction) -> Pair:
    """Starts both processes in that order, warms them up, lets them take turns, and ends them; blocks for seconds.

    Raises:
        TaskError: a resident refused or died.
    """
    residents: dict[Side, Resident] = {}
    starts: dict[Side, Start] = {}
    with contextlib.ExitStack() as stack:
        for side in order:
            resident = Resident(setup.variants[side], cores=setup.cores, threads=setup.threads)
            residents[side] = stack.enter_context(resident)
            starts[side] = prepare(resident, setup, side)
        both = starts[BASELINE], starts[CANDIDATE]
        sample_ns = both[0].sample_ns, both[1].sample_ns
        plan = pairs.block_plan(sample_ns, setup.amount, settle_ns=setup.settle_ns)
        watch = noise.Watch([resident.pid for resident in residents.values()], setup.cores)
        gpu = stack.enter_context(watching(setup.device, [resident.pid for resident in residents.values()]))
        blocks = tuple(_blocks(residents, both, plan, setup=setup, gpu=gpu, rng=rng, on_fraction=on_fraction))
        surroundings = watch.stop()
        baseline, candidate = (
            ProcessRecord(both[side], finish(residents[side], both[side]), surroundings)
            for side in (BASELINE, CANDIDATE)
        )
    return Pair((baseline, candidate), blocks, plan)


def prepare(resident: Resident, setup: PairSetup, side: Side) -> Start:
    """Has a fresh process load its variant and warm up; blocks for seconds.

    Raises:
        TaskError: the resident refused or died.
    """
    loaded = resident.ask(setup.load_command(side))
    first = resident.ask(protocol.FIRST)
    warm = resident.ask(protocol.WarmUp(int(setup.amount.warm_s * 1e9)))
    return Start(
        **vars(loaded),
        first_ns=int(np.frombuffer(first.samples, np.int64)[0]),
        warm_ns=table_of(warm.samples, 1)[0],
        is_steady=warm.is_steady,
        request_ns=warm.request_ns,
        group=warm.group,
        is_shielded=resident.is_shielded,
    )


def finish(resident: Resident, start: Start) -> Finished:
    """Reads the memory of a process that was timed and has it repeat an answer; blocks for two or three requests.

    Raises:
        TaskError: the resident refused or died.
    """
    return resident.ask(protocol.Finish(repeats_of(start.request_ns)))


def stretch(
    resident: Resident, setup: PairSetup, command: Command[Timed], rows: int, gpu: GpuWatch | None = None
) -> tuple[Stretch, NDArray[np.int64]]:
    """Has a resident work for a stretch, and reads the counters around it; blocks.

    Args:
        resident: the process.
        setup: its cores and the meter.
        command: what it does.
        rows: of the table in its reply.
        gpu: watches the GPU, where it works on one.

    Raises:
        TaskError: the resident refused, died, or lost its cores.
    """
    slowed = None if gpu is None else gpu.counters()
    before, asked_ns = noise.read_threads(resident.pid), time.perf_counter_ns()
    energy_before = setup.meter.read()
    timed = resident.ask(command)
    energy_uj = setup.meter.spent_uj(energy_before, setup.meter.read())
    wall_ns, after = time.perf_counter_ns() - asked_ns, noise.read_threads(resident.pid)
    resident.require_place()
    used = Stretch(
        elapsed_ns=wall_ns if timed.elapsed_ns is None else timed.elapsed_ns,
        run_delay_ns=noise.run_delay_ns(before, after, wall_ns=wall_ns, cores=len(setup.cores)),
        process_cpu_ns=timed.process_cpu_ns,
        energy_uj=energy_uj,
        held_bytes=memory.held_bytes(resident.pid),
        gpu=None if gpu is None or slowed is None else gpu.use(resident.pid, asked_ns, slowed),
    )
    return used, table_of(timed.samples, rows)


def _blocks(
    residents: Mapping[Side, Resident],
    starts: tuple[Start, Start],
    plan: BlockPlan,
    *,
    setup: PairSetup,
    gpu: GpuWatch | None,
    rng: random.Random,
    on_fraction: OnFraction,
) -> list[Block]:
    taken: list[Block] = []
    timed_s = 0.0
    while timed_s < setup.amount.pair_s:
        group = len(taken) // 4
        for side in pairs.group_order(rng):
            command = block_command(plan, starts[side], setup.amount, dropped=plan.dropped[side])
            used, table = stretch(residents[side], setup, command, rows=starts[side].rows, gpu=gpu)
            taken.append(Block(side, group, table, used))
        timed_s = sum(block.used.elapsed_ns for block in taken) / 1e9
        on_fraction(min(1.0, timed_s / setup.amount.pair_s))
    return taken


def block_command(plan: BlockPlan, start: Start, amount: Amount, *, dropped: int) -> protocol.TimeBlock:
    """The command that makes a warm resident run a block."""
    return protocol.TimeBlock(
        min_ns=plan.min_ns + int(dropped * start.sample_ns),
        min_requests=plan.kept + dropped,
        max_ns=int(amount.group_s * 1e9),
        request_ns=start.request_ns,
    )
