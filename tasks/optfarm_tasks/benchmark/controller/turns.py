"""Takes one pair: two fresh residents on the same cores that run in turns, A B B A, until their time is used up."""

import contextlib
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from optfarm_tasks.benchmark.analysis import pairs
from optfarm_tasks.benchmark.analysis.pairs import BASELINE, CANDIDATE, Amount, BlockPlan, Side
from optfarm_tasks.benchmark.analysis.usage import Stretch
from optfarm_tasks.benchmark.controller.resident import Resident, Variant
from optfarm_tasks.benchmark.host import memory, noise
from optfarm_tasks.benchmark.host.energy import Absent, Meter
from optfarm_tasks.benchmark.process.repeat import repeats_of
from optfarm_tasks.schema.device import CPU, DeviceSpec
from optfarm_tasks.schema.spec import Scenario

_NO_METER = Absent("it was not asked for")

Within = Callable[[float], None]
"""Told how far the pair is, in 0..1, between blocks."""


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
    """Where the baseline has a batch of its own."""
    meter: Meter = _NO_METER
    """Counters of energy."""
    device: DeviceSpec = CPU
    settle_ns: int = 0
    """See `pairs.block_plan`."""

    def batch_of(self, side: Side) -> int:
        """The batch size of one variant."""
        return self.baseline_batch_size if side == BASELINE and self.baseline_batch_size else self.batch_size

    def load_order(self, side: Side) -> dict[str, Any]:
        """The message that makes a resident load a variant."""
        variant = self.variants[side]
        return {
            "command": "load",
            "runtime": variant.runtime,
            "folder": str(variant.folder.absolute()),
            "threads": self.threads,
            "device": self.device.model_dump(mode="json"),
            "batch_size": self.batch_of(side),
            "seed": self.seed,
            "data": None if self.data is None else str(self.data.absolute()),
            "split": self.split,
        }


@dataclass(frozen=True)
class Start:
    """What one process told before it was timed."""

    load_ns: int
    precision: str
    inputs: tuple[str, ...]
    warnings: tuple[str, ...]
    """What was done to the data to feed it."""
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
        """What the requests take that are timed together."""
        return self.request_ns * self.group


@dataclass(frozen=True)
class Block:
    """One turn of one variant."""

    side: Side
    group: int
    samples: NDArray[np.int64]
    """Wall time, CPU time, switches (3, N), the dropped ones first."""
    used: Stretch


@dataclass(frozen=True)
class End:
    """What one process told once it was timed."""

    peak_rss_bytes: int
    floor_rss_bytes: int
    """The same with the runtime's library loaded and no model."""
    is_deterministic: bool


@dataclass(frozen=True)
class Pair:
    """Everything that one pair of processes gave."""

    starts: tuple[Start, Start]
    blocks: tuple[Block, ...]
    plan: BlockPlan
    ends: tuple[End, End]
    surroundings: noise.Surroundings


def take_pair(bench: PairSetup, order: tuple[Side, Side], rng: random.Random, within: Within) -> Pair:
    """Starts both processes in that order, warms them up, lets them take turns, and ends them; blocks for seconds.

    Raises:
        TaskError: a resident refused or died.
    """
    residents: dict[Side, Resident] = {}
    starts: dict[Side, Start] = {}
    with contextlib.ExitStack() as stack:
        for side in order:
            resident = Resident(bench.variants[side], cores=bench.cores, threads=bench.threads)
            residents[side] = stack.enter_context(resident)
            starts[side] = prepare(resident, bench, side)
        both = starts[BASELINE], starts[CANDIDATE]
        sample_ns = both[0].sample_ns, both[1].sample_ns
        plan = pairs.block_plan(sample_ns, bench.amount, settle_ns=bench.settle_ns)
        watch = noise.Watch([resident.pid for resident in residents.values()], bench.cores)
        blocks = tuple(_blocks(residents, both, plan, bench=bench, rng=rng, within=within))
        surroundings = watch.stop()
        ends = finish(residents[BASELINE], both[BASELINE]), finish(residents[CANDIDATE], both[CANDIDATE])
    return Pair(both, blocks, plan, ends, surroundings)


def prepare(resident: Resident, bench: PairSetup, side: Side) -> Start:
    """Has a fresh process load its variant and warm up; blocks for seconds.

    Raises:
        TaskError: the resident refused or died.
    """
    loaded, _ = resident.ask(bench.load_order(side))
    first, _ = resident.ask({"command": "first"})
    warm, walls = resident.ask({"command": "warm", "max_ns": int(bench.amount.warm_s * 1e9)})
    return Start(
        load_ns=loaded["load_ns"],
        precision=loaded["precision"],
        inputs=tuple(loaded["inputs"]),
        warnings=tuple(loaded["warnings"]),
        first_ns=first["first_ns"],
        warm_ns=np.frombuffer(walls, dtype=np.int64),
        is_steady=warm["steady"],
        request_ns=warm["request_ns"],
        group=warm["group"],
        is_shielded=resident.is_shielded,
    )


def finish(resident: Resident, start: Start) -> End:
    """Has a process that was timed tell of its memory and repeat an answer; blocks for two or three requests.

    Raises:
        TaskError: the resident refused or died.
    """
    return End(**resident.ask({"command": "end", "repeats": repeats_of(start.request_ns)})[0])


def stretch(
    resident: Resident, bench: PairSetup, order: dict[str, Any], rows: int
) -> tuple[Stretch, NDArray[np.int64]]:
    """Has a resident work for a stretch, and reads the counters around it; blocks.

    Args:
        resident: the process.
        bench: its cores and the meter.
        order: a message that is answered by what was timed.
        rows: of the table in that answer.

    Raises:
        TaskError: the resident refused, died, or lost its cores.
    """
    before, asked_ns = noise.read_threads(resident.pid), time.perf_counter_ns()
    energy_before = bench.meter.read()
    told, samples = resident.ask(order)
    energy_uj = bench.meter.spent_uj(energy_before, bench.meter.read())
    wall_ns, after = time.perf_counter_ns() - asked_ns, noise.read_threads(resident.pid)
    resident.require_place()
    used = Stretch(
        elapsed_ns=told.get("elapsed_ns", wall_ns),
        run_delay_ns=noise.run_delay_ns(before, after, wall_ns=wall_ns, cores=len(bench.cores)),
        process_cpu_ns=told.get("process_cpu_ns"),
        energy_uj=energy_uj,
        held_bytes=memory.held_bytes(resident.pid),
    )
    return used, np.frombuffer(samples, dtype=np.int64).reshape(rows, -1)


def _blocks(
    residents: Mapping[Side, Resident],
    starts: tuple[Start, Start],
    plan: BlockPlan,
    *,
    bench: PairSetup,
    rng: random.Random,
    within: Within,
) -> list[Block]:
    taken: list[Block] = []
    timed_s = 0.0
    while timed_s < bench.amount.pair_s:
        group = len(taken) // 4
        for side in pairs.group_order(rng):
            order = block_order(plan, starts[side], bench.amount, dropped=plan.dropped[side])
            used, table = stretch(residents[side], bench, order, rows=3)
            taken.append(Block(side, group, table, used))
        timed_s = sum(block.used.elapsed_ns for block in taken) / 1e9
        within(min(1.0, timed_s / bench.amount.pair_s))
    return taken


def block_order(plan: BlockPlan, start: Start, amount: Amount, *, dropped: int) -> dict[str, Any]:
    """The message that makes a warm resident run a block, which is answered by a table of samples (3, N)."""
    return {
        "command": "block",
        "min_ns": plan.min_ns + int(dropped * start.sample_ns),
        "min_requests": plan.kept + dropped,
        "max_ns": int(amount.group_s * 1e9),
        "request_ns": start.request_ns,
    }
